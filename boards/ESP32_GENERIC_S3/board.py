"""ESP32_GENERIC_S3: any board with an ESP32-S3 and 8 MB of flash, such as an ESP32-S3-DevKitC-1."""

from tos.ports import esp32
from tos.ports.esp32.board import *

NAME = "ESP32_GENERIC_S3"

# `tos board check` knows which pins the chip keeps for itself.
OUT = {"relay": 5, "led": 6}  # an input until a driver takes it: a relay that must not chatter needs a pull-down
IN = {"button": 0}  # the BOOT button, which strapping pin 0 has anyway
ADC = {"probe": 4}

features = {
    "relay": lambda: esp32.Switch(OUT["relay"]),
    "led": lambda: esp32.Level(OUT["led"]),
    "button": lambda: esp32.Button(IN["button"]),
    "probe": lambda: esp32.Adc(ADC["probe"]),
}

pairing = "button"
