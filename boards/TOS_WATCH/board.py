"""TOS_WATCH: an ESP32-S3 on a wrist: two buttons, PN532, I2S microphone, vibration motor, display, battery."""

import machine
from tos.drivers.ssd1306 import Display
from tos.ports import esp32
from tos.ports.esp32.board import *

NAME = "TOS_WATCH"
bluetooth = esp32.bluetooth

OUT = {
    "vibration": 5,  # an input until a driver takes it: the motor's transistor needs a pull-down
    "display_sda": 8,
    "display_scl": 9,
    "nfc_tx": 17,  # to the PN532's RX, high-speed UART
    "mic_sck": 10,
    "mic_ws": 11,
}
IN = {"nfc_rx": 18, "mic_sd": 12}
WAKE = {"button_a": 2, "button_b": 4}
ADC = {"battery": 1}  # behind a divider by two


class Battery(esp32.Adc):
    def read_mv(self):
        return super().read_mv() * 2


def _display():
    sda, scl = machine.Pin(OUT["display_sda"]), machine.Pin(OUT["display_scl"])
    return Display(machine.I2C(0, sda=sda, scl=scl, freq=400000))


def _nfc():
    from tos.ports.esp32.nfc import Nfc

    return Nfc(1, OUT["nfc_tx"], IN["nfc_rx"])


features = {
    "button_a": lambda: esp32.Button(WAKE["button_a"]),
    "button_b": lambda: esp32.Button(WAKE["button_b"]),
    "display": _display,
    "battery": lambda: Battery(ADC["battery"]),
    "vibration": lambda: esp32.Switch(OUT["vibration"]),
    "nfc": _nfc,
}

pairing = "button_a"
