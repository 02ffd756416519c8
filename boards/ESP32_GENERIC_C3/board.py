"""ESP32_GENERIC_C3: any board with an ESP32-C3 and 4 MB of flash, such as an ESP32-C3-DevKitM-1."""

from tos.ports import esp32
from tos.ports.esp32.board import *

NAME = "ESP32_GENERIC_C3"

# `tos board check` knows which pins the chip keeps for itself.
OUT = {"relay": 6, "led": 7}  # an input until a driver takes it: a relay that must not chatter needs a pull-down
IN = {"button": 9}  # the BOOT button, which strapping pin 9 has anyway
ADC = {"probe": 3}

features = {
    "relay": lambda: esp32.Switch(OUT["relay"]),
    "led": lambda: esp32.Level(OUT["led"]),
    "button": lambda: esp32.Button(IN["button"]),
    "probe": lambda: esp32.Adc(ADC["probe"]),
}

pairing = "button"
