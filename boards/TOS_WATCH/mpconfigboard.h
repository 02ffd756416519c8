// What differs from MicroPython's ESP32_GENERIC_S3. romfs is off in stock firmware.
#define MICROPY_HW_BOARD_NAME "TOS+ watch"
#define MICROPY_HW_MCU_NAME "ESP32S3"

#define MICROPY_VFS_ROM (1)

// The console is on the UART as well as on the chip's own USB port.
#define MICROPY_HW_ENABLE_UART_REPL (1)
