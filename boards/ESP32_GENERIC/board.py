"""ESP32_GENERIC: any board with a plain ESP32 and 4 MB of flash, such as an ESP32-DevKitC."""

from tos.ports import esp32
from tos.ports.esp32.board import *

NAME = "ESP32_GENERIC"

# `tos board check` knows which pins the chip keeps for itself.
OUT = {"relay": 26, "led": 25}  # an input until a driver takes it: a relay that must not chatter needs a pull-down
IN = {"button": 0}  # the BOOT button, which strapping pin 0 has anyway
ADC = {"probe": 34}

features = {
    "relay": lambda: esp32.Switch(OUT["relay"]),
    "led": lambda: esp32.Level(OUT["led"]),
    "button": lambda: esp32.Button(IN["button"]),
    "probe": lambda: esp32.Adc(ADC["probe"]),
}

pairing = "button"
