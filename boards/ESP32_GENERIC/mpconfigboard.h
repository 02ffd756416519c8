// What differs from MicroPython's ESP32_GENERIC. romfs is off in stock firmware.
#define MICROPY_HW_BOARD_NAME "TOS+ on an ESP32"
#define MICROPY_HW_MCU_NAME "ESP32"

#define MICROPY_VFS_ROM (1)
