"""A till reads a payment card: both PN532 drivers, both serial lines and the field are in between."""

import contextlib
import subprocess

import issuer
from bench.tap import ENVIRONMENT, TARGET
from soon import until
from taps import Field, Firmware
from toscore.terminal import Sale
from tosplus.sim.process import micropython


def test_a_till_asks_for_what_an_issuer_confirms():
    sale = Sale("CANTEEN", "TILL0001", 1250, "261121", b"\x01\x02\x03\x04")
    with Field() as field, contextlib.ExitStack() as stack:
        card = stack.enter_context(subprocess.Popen([micropython(), TARGET, field.card.path], env=ENVIRONMENT))
        stack.callback(card.kill)
        reader = stack.enter_context(Firmware(field.reader, "reader"))
        until(lambda: field.card.is_listening)
        assert reader.ask(find=5000)["uid"]
        command = sale.step(b"")
        while command:
            command = sale.step(reader.exchange(command))
        reader.ask(silence=True)
    asked = sale.request
    made = issuer.cryptogram(bytes(16), asked[3], asked[4], asked[5], asked[7], asked[8])  # the card's key is of zeros
    assert made == asked[6]
    assert sale.token == issuer.NUMBER and asked[2] == issuer.PSN
