"""TOS_TILL: an ESP32 on a counter: a keypad of twelve keys, PN532, a display for the customer."""

import asyncio

import machine
from tos.drivers.keypad import Keys
from tos.drivers.ssd1306 import Display
from tos.lazy import drop, load
from tos.ports import esp32
from tos.ports.esp32.board import *

NAME = "TOS_TILL"

OUT = {
    "row_1": 13,
    "row_2": 14,
    "row_3": 27,
    "row_4": 26,
    "display_sda": 21,
    "display_scl": 22,
    "nfc_tx": 17,  # to the PN532's RX, high-speed UART
}
IN = {"column_1": 25, "column_2": 33, "column_3": 32, "nfc_rx": 16, "button": 4}  # inside the case


def _keys():
    rows = [machine.Pin(OUT["row_%d" % n], machine.Pin.OPEN_DRAIN, value=1) for n in range(1, 5)]
    columns = [machine.Pin(IN["column_%d" % n], machine.Pin.IN, machine.Pin.PULL_UP) for n in range(1, 4)]
    return Keys(rows, columns, ("1", "2", "3", "4", "5", "6", "7", "8", "9", "clear", "0", "ok"))


def _display():
    sda, scl = machine.Pin(OUT["display_sda"]), machine.Pin(OUT["display_scl"])
    return Display(machine.I2C(0, sda=sda, scl=scl, freq=400000))


class _Nfc:
    """The driver of the PN532 is there while a card is looked for: at rest the till has no room for it."""

    def __init__(self):
        self.lock = asyncio.Lock()
        self._nfc = None

    def __getattr__(self, name):
        if self._nfc is None:
            self._nfc = load("ports.esp32.nfc").Nfc(1, OUT["nfc_tx"], IN["nfc_rx"])
        return getattr(self._nfc, name)

    def end(self):
        if self._nfc is not None:
            self._nfc.end()
            self._nfc = None
            drop("tos.ports.esp32.nfc", "tos.drivers.pn532", "tos.drivers.pn532_bus", "toscore.pn532")


features = {
    "keys": _keys,
    "display": _display,
    "button": lambda: esp32.Button(IN["button"]),
    "nfc": _Nfc,
}

pairing = "button"
