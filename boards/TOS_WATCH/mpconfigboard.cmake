# A BOARD_DIR for MicroPython's ports/esp32: its own board of this chip, with what all of ours have.
include(boards/ESP32_GENERIC_S3/mpconfigboard.cmake)
include(${MICROPY_BOARD_DIR}/../esp32.cmake)
