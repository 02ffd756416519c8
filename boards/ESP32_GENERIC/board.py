"""ESP32_GENERIC: any board with a plain ESP32 and 4 MB of flash, such as an ESP32-DevKitC."""

from tos.ports import esp32
from tos.ports.esp32.radio import Radio

NAME = "ESP32_GENERIC"
uid = esp32.uid
cause = esp32.cause

clock = esp32.Clock()
watchdog = esp32.Watchdog()
radio = Radio(clock)
keystore = esp32.Keystore()
rng = esp32.rng
aes = esp32.aes

# Taken: 6 to 11 by the flash, 1 and 3 by the serial port, 16 and 17 by the PSRAM of a WROVER. 0, 2, 5, 12 and 15 are
# read at reset to choose how the chip starts.
features = {
    "relay": lambda: esp32.Switch(26),  # an input until then: a relay that must not chatter needs a pull-down
    "led": lambda: esp32.Level(25),
    "button": lambda: esp32.Button(0),  # the BOOT button, which strapping pin 0 has anyway
    "probe": lambda: esp32.Adc(34),  # ADC1; Wi-Fi needs ADC2 for itself
}

sleep = esp32.sleep
services = esp32.services
