"""A payment by tap across two simulated PN532, counted; and what driver and card take for it on the Unix port."""

import contextlib
import json
import os
import subprocess
from pathlib import Path

from soon import until
from taps import Field, Firmware
from tosplus.paths import ROOT
from tosplus.sim.process import micropython

TARGET = Path(__file__).with_name("tap_target.py")
ENVIRONMENT = {**os.environ, "MICROPYPATH": f"{ROOT}/lib:{ROOT}/firmware:{ROOT}/firmware/tos/ports/unix:.frozen"}

# What a till says, see docs/payments.md: a directory, the application, options with amount and merchant, a record.
PDOL = bytes.fromhex("36004000" "000000001250" "000000000000" "0276" "0000000000" "0978" "261121" "00" "01020304")
PDOL += b"CAFETERIA      " + b"TILL0001"
TILL = (
    b"\x00\xa4\x04\x00\x0e2PAY.SYS.DDF01\x00",
    b"\x00\xa4\x04\x00\x0a\xf0TOS+PAY\x00\x01\x00",
    b"\x80\xa8\x00\x00" + bytes((2 + len(PDOL), 0x83, len(PDOL))) + PDOL + b"\x00",
    b"\x00\xb2\x01\x0c\x00",
)
_ANSWERED = bytes.fromhex("0000ff03fdd58f00")  # by TgSetData
_ACTIVATED = bytes.fromhex("d58d08")


def counted():
    """-> (the frames of the field, the bytes on the card's serial port, those frames of the chip), from the first frame
    of the reader to the last answer."""
    with Field() as field, contextlib.ExitStack() as stack:
        card = stack.enter_context(subprocess.Popen([micropython(), TARGET, field.card.path], env=ENVIRONMENT))
        stack.callback(card.kill)
        reader = stack.enter_context(Firmware(field.reader, "reader"))
        until(lambda: field.card.is_listening)
        field.air.record.clear()
        assert reader.ask(find=5000)["uid"]
        for command in TILL:
            answer = reader.exchange(command)
            assert answer[-2:] == b"\x90\x00", answer.hex()
        wire = list(field.card.line.record)
        frames = list(field.air.record)
    told = [said.data for said in wire]
    begin = next(n for n, data in enumerate(told) if _ACTIVATED in data)
    last = max(n for n, data in enumerate(told) if data.startswith(_ANSWERED))
    of_chip = [said.data for said in wire[begin + 1 : last + 1] if not said.from_host]
    assert len(of_chip) == 4 * len(TILL)  # two commands for each APDU, and each has an acknowledge and an answer
    return frames, sum(len(data) for data in told[begin : last + 1]), of_chip


def compute_us(of_chip, rounds):
    """The quickest round: whatever else the machine does only adds to it."""
    said = json.dumps([frame.hex() for frame in of_chip])
    command = [micropython(), "-X", "heapsize=192k", TARGET, str(rounds)]
    done = subprocess.run(command, input=said, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return min(json.loads(done.stdout)["us"])
