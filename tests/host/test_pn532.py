"""The PN532's driver, on MicroPython, at simulated chips: a tap crosses three processes and both serial lines.

The simulator has been accepted by libnfc and nfcpy first, see test_pn532_sim.py.
"""

import asyncio

import nfc
import peers
import pytest
from nfc.tag.tt4 import IsoDepInitiator
from soon import until
from taps import Field, Firmware, gives, libnfc, nfcpy, wants
from tosplus.sim.device import Device
from tosplus.sim.pn532.isodep import SIZES

EXCHANGE, GET_DATA, SET_DATA, INIT = 0x40, 0x86, 0x8E, 0x8C
VERSION = bytes.fromhex("0000ff02fed4022a00")


@pytest.fixture
def field():
    with Field() as field:
        yield field


@pytest.fixture
def card(field):
    with Firmware(field.card, "card") as card:
        until(lambda: field.card.is_listening)
        yield card


@pytest.fixture
def reader(field):
    with Firmware(field.reader, "reader") as reader:
        yield reader


def taps(reader, *commands):
    """One tap from silence to silence -> the answers; None for those that were lost."""
    assert reader.ask(find=5000)["uid"].startswith("08")
    answers = [reader.exchange(command) for command in commands]
    reader.ask(silence=True)
    return answers


def works(card, reader, field):
    """A tap from beginning to end, whatever was before."""
    until(lambda: field.card.is_listening)
    commands = [wants(10), wants(40, b"more")]
    return taps(reader, *commands) == [gives(command, 10 if command == commands[0] else 40) for command in commands]


def test_a_tap_crosses_three_processes(field, card, reader):
    command = wants(20, bytes(30))
    assert taps(reader, command) == [gives(command, 20)]
    assert [card.told() for _ in range(3)] == [{"selected": True}, {"command": command.hex()}, {"lost": True}]
    assert field.card.line.baud == field.reader.line.baud == 921600
    assert field.card.line.garbled == field.reader.line.garbled == 0
    said = b"".join(said.data for said in field.card.line.record if said.from_host)
    assert said.count(VERSION) == 2  # once at each speed: the chip was awake when it was asked


def test_it_is_armed_again_after_each_tap_under_the_same_number(field, card, reader):
    found = []
    for _ in range(3):
        until(lambda: field.card.is_listening)
        found.append(reader.ask(find=5000)["uid"])
        assert reader.exchange(wants(5)) == gives(wants(5), 5)
        reader.ask(silence=True)
    assert found == found[:1] * 3


def test_nfcpy_reads_it_at_every_frame_size(field, card):
    command = wants(256, bytes(range(252)))
    with nfcpy(field.reader) as frontend:
        for fsdi, frame_b in enumerate(reversed(SIZES)):
            field.card.target.frame_b = frame_b  # in the ATS from the next time on that it is armed
            until(lambda: field.card.is_listening)
            frontend.target = frontend.sense(nfc.clf.RemoteTarget("106A"))
            ats = frontend.exchange(bytes((0xE0, fsdi << 4)), 0.1)
            isodep = IsoDepInitiator(frontend, SIZES[ats[1] & 15], 0.2)
            assert isodep.exchange(command) == gives(command, 256)
            frontend.exchange(b"\xc2", 0.1)
            assert [card.told() for _ in range(3)][2] == {"lost": True}
    sizes = {len(heard.data) for heard in field.air.record}
    assert {16, 256} <= sizes and max(sizes) == 256


@pytest.mark.parametrize("of_card, of_reader", zip(SIZES, reversed(SIZES)))
def test_chaining_both_ways_at_every_frame_size(field, card, reader, of_card, of_reader):
    field.do(setattr, field.card.target, "frame_b", of_card)
    field.do(setattr, field.reader.initiator, "frame_b", of_reader)
    taps(reader)  # the card is armed anew, with that size
    until(lambda: field.card.is_listening)
    commands = [wants(size, bytes(size)) for size in (0, 1, 12, 13, 14, 59, 60, 61, 125, 250, 252, 256)]
    commands = [command[:261] for command in commands]
    assert taps(reader, *commands) == [gives(command, command[2] << 8 | command[3]) for command in commands]


def test_it_reads_the_tag_that_libnfc_emulates(field, reader):
    with libnfc(peers.need("nfc-emulate-forum-tag4"), field.card) as tag:
        until(lambda: field.card.is_listening)
        select, file = bytes.fromhex("00a4040007d276000085010100"), bytes.fromhex("00a4000c02e104")
        answers = taps(reader, select, file, bytes.fromhex("00b0000023"))
        said = tag.communicate(timeout=60)[0]
    assert answers[:2] == [b"\x90\x00"] * 2
    assert answers[2][:5] == b"\x00\x21\xd1\x02\x1c" and b"libnfc.org" in answers[2]
    assert "Target Released" in said


def test_who_takes_his_time_asks_for_more(field, card, reader):
    """S(WTX) is the chip's business; the reader's chip waits."""
    slow = b"\x80\x20\x01\x00"
    assert taps(reader, slow, wants(3)) == [b"\x90\x00", gives(wants(3), 3)]
    blocks = [heard.data for heard in field.air.record]
    assert sum(block[0] == 0xF2 for block in blocks) >= 4


# In a device

BADGE = """
from tos import App
from tos.ports import FieldLost

app = App("badge", needs=("nfc",))


class Badge:
    async def run(self, app):
        while True:
            try:
                await app.dev.nfc.listen()
                while True:
                    await app.dev.nfc.receive()
                    await app.dev.nfc.send(b"\\x12\\x34\\x90\\x00")
            except FieldLost:
                pass


app.use(Badge())
"""


def test_a_device_whose_app_needs_it_has_one_and_meets_others_in_the_field(field, reader, tmp_path):
    (tmp_path / "badge.py").write_text(BADGE)

    async def main():
        async with Device(str(tmp_path / "badge.py"), state_dir=tmp_path / "badge", air=field.air.path) as badge:
            await badge.ready()
            assert badge.nfc.line.garbled == 0
            await asyncio.to_thread(until, lambda: badge.nfc.is_listening)
            assert await asyncio.to_thread(taps, reader, b"\x00\xb0") == [b"\x12\x34\x90\x00"]
            await asyncio.to_thread(until, lambda: badge.nfc.commands.count(INIT) == 2)
            await badge.kill()
            await badge.restarted()
            await asyncio.to_thread(until, lambda: badge.nfc.commands.count(INIT) == 3)
            assert await asyncio.to_thread(taps, reader, b"\x00\xb0") == [b"\x12\x34\x90\x00"]

    asyncio.run(main())


# Silence


def test_the_radio_is_silent_until_it_is_armed_and_from_then_on(field, reader):
    with Firmware(field.card, "reader") as device:
        assert not field.card.is_listening
        assert device.ask(listen=50) == {"selected": False}  # cancelled
        assert not field.card.is_listening
        assert reader.ask(find=100) == {"uid": None}
        assert not field.reader.initiator.is_carrying
        assert device.ask(find=30) == {"uid": None}
        assert not field.card.initiator.is_carrying


def test_it_is_found_under_another_number_each_time_it_is_armed(field, reader):
    numbers = set()
    with Firmware(field.card, "reader") as device:
        for _ in range(3):
            device.tell(listen=5000)
            until(lambda: field.card.is_listening)
            numbers.add(reader.ask(find=5000)["uid"])
            assert device.told() == {"selected": True}
            reader.ask(silence=True)
            assert device.ask(silence=True) == {"silent": True}
            assert not field.card.is_listening
    assert len(numbers) == 3 and all(number.startswith("08") for number in numbers)


def test_a_card_that_was_left_on_by_a_reset_is_switched_off(field, card):
    """A watchdog ends the host in the middle of it; the chip knows nothing of that."""
    card.kill()
    assert field.card.is_listening
    with Firmware(field.card, "reader") as device:
        assert device.ask(silence=True) == {"silent": True}
    assert not field.card.is_listening


# Faults


def test_a_chip_at_the_other_speed_is_found(field, card, reader):
    """The chip kept 921600 baud over a reset of its host."""
    card.kill()
    with Firmware(field.card, "card") as again:
        until(lambda: field.card.commands.count(INIT) == 2)
        assert field.card.line.garbled > 0
        assert works(again, reader, field)


def test_no_chip_there_is_an_error_and_a_chip_that_comes_later_is_none(field):
    field.card.line.faults.missing_acks = 100
    with Firmware(field.card, "card") as card:
        assert card.told() == {"failed": 110}
        field.card.line.faults.missing_acks = 0
        until(lambda: field.card.is_listening)


def _fault(field, name, value):
    setattr(field.card.line.faults, name, value)


FAULTS = {
    "split bytes": ("split", True),
    "noise before an acknowledge": ("noise", b"\x00\xff\x12\x34\x00\x00\xff\x55"),
    "a late acknowledge": ("late_ack_s", 0.02),
    "a damaged answer": ("bad_sums", 1),
    "three damaged answers": ("bad_sums", 3),
}
LOSING = {
    "no acknowledge": ("missing_acks", 1),
    "no answer": ("missing_answers", 1),  # until the end of its time
    "released while it waits": ("status", {GET_DATA: [0x29]}),
    "released while it answers": ("status", {SET_DATA: [0x29]}),
    "another error": ("status", {GET_DATA: [0x13]}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_line_that_nobody_notices(field, card, reader, name):
    taps(reader, wants(2))
    until(lambda: field.card.is_listening)
    uid = reader.ask(find=5000)["uid"]
    assert reader.exchange(wants(4)) == gives(wants(4), 4)
    field.do(_fault, field, *FAULTS[name])
    for size in (1, 100, 256):
        assert reader.exchange(wants(size)) == gives(wants(size), size)
    reader.ask(silence=True)
    assert uid and works(card, reader, field)


@pytest.mark.parametrize("name", LOSING)
def test_a_fault_that_costs_the_tap_and_not_the_next_one(field, card, reader, name):
    assert reader.ask(find=5000)["uid"]
    assert reader.exchange(wants(4)) == gives(wants(4), 4)
    field.do(_fault, field, *LOSING[name])
    reader.exchange(wants(4))
    reader.ask(silence=True)
    assert works(card, reader, field)


@pytest.mark.parametrize("name", [*FAULTS, *LOSING])
def test_the_same_faults_at_the_readers_chip(field, card, reader, name):
    assert reader.ask(find=5000)["uid"]
    fault, value = {**FAULTS, **LOSING}[name]
    setattr(field.reader.line.faults, fault, {EXCHANGE: [0x01]} if fault == "status" else value)
    answer = reader.exchange(wants(4))
    assert answer == (gives(wants(4), 4) if name in FAULTS else None)
    reader.ask(silence=True)
    assert works(card, reader, field)


def test_a_command_is_never_said_twice_to_a_card(field, card, reader):
    """Its acknowledge is lost: who knows whether it was heard. A payment is not asked for again in the dark."""
    assert reader.ask(find=5000)["uid"]
    field.reader.line.faults.missing_acks = 1
    before = len(field.air.record)
    assert reader.exchange(wants(4)) is None
    assert len(field.air.record) == before


def test_a_lost_block_is_asked_for_again_by_the_chips(field, card, reader):
    """An I-block, an R(ACK), and an answer do not arrive; nothing of it is seen by the hosts."""
    for lost in range(12):
        until(lambda: field.card.is_listening)
        assert reader.ask(find=5000)["uid"]
        field.air.lose = {len(field.air.record) + lost}
        command = wants(150, bytes(150))
        assert reader.exchange(command) == gives(command, 150), lost
        field.air.lose = set()
        reader.ask(silence=True)


def test_the_field_lost_at_every_byte_of_a_tap(field, card, reader):
    taps(reader, wants(2))
    until(lambda: field.card.is_listening)
    before = field.air.bytes_over()
    assert works(card, reader, field)
    whole = field.air.bytes_over() - before
    assert whole > 100
    for lost_at in range(whole):
        until(lambda: field.card.is_listening)
        field.air.lose_after = field.air.bytes_over() + lost_at
        if reader.ask(find=20)["uid"]:
            for command in (wants(10), wants(40, b"more")):
                if reader.exchange(command) is None:
                    break
        reader.ask(silence=True)
        field.do(field.air.touch)
    assert works(card, reader, field)
