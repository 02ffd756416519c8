"""The simulated PN532 is accepted by drivers that nobody here wrote: libnfc and nfcpy, as readers and as cards."""

import asyncio
import contextlib
import random
import signal
import subprocess
import sys
from types import SimpleNamespace

import ndef
import nfc
import peers
import pytest
from nfc.tag.tt4 import IsoDepInitiator
from soon import ends, until
from taps import Field, libnfc, nfcpy
from tosplus.sim.pn532.air import Air, Antenna, crc_a
from tosplus.sim.pn532.frames import ACK, Ear, encode
from tosplus.sim.pn532.isodep import SIZES
from tosplus.sim.pn532.show import Shown


@pytest.fixture
def field():
    with Field() as field:
        yield field


@contextlib.contextmanager
def forum_tag(field):
    """libnfc's Type 4 tag, until somebody has read it."""
    with libnfc(peers.need("nfc-emulate-forum-tag4"), field.card) as tag:
        try:
            until(lambda: field.card.is_listening)
            yield tag
        finally:
            tag.kill()


def test_nfc_list_finds_the_card_that_libnfc_emulates(field):
    with forum_tag(field), libnfc(peers.need("nfc-list"), field.reader) as listing:
        said = listing.communicate(timeout=60)[0]
    assert "1 ISO14443A passive target(s) found" in said
    assert "UID (NFCID3): 08  00  b0  0b" in said
    assert "SAK (SEL_RES): 20" in said
    assert "ATS: 75  33  92" in said


def test_tos_nfc_has_two_chips_for_any_driver_and_shows_what_they_say():
    tos = subprocess.Popen(["tos", "nfc"], stdout=subprocess.PIPE, text=True)
    try:
        card, reader = [SimpleNamespace(path=tos.stdout.readline().split()[1]) for _ in range(2)]
        with libnfc(peers.need("nfc-emulate-forum-tag4"), card) as tag:
            try:
                first = ""
                while "ATS: 75" not in first:  # it takes a moment until the tag is one
                    with libnfc(peers.need("nfc-list"), reader) as listing:
                        first = listing.communicate(timeout=60)[0]
            finally:
                tag.kill()
    finally:
        tos.send_signal(signal.SIGINT)
        said = tos.communicate(timeout=60)[0]
    assert tos.returncode == 0
    wanted = ("REQA", "ATQA", "anticollision", "UID 0800b00b", "SELECT 0800b00b", "SAK", "RATS", "ATS", "S(DESELECT)")
    places = [said.index(word) for word in wanted]
    assert places == sorted(places)


def test_a_frame_in_words():
    shown = Shown()
    steps = (
        (True, "26", "REQA: is there a card"), (True, "e0503ba5", "RATS: from now on ISO/IEC 14443-4"),
        (False, "0575339200", "ATS"), (True, "1200a40400ffff", "I(0) part of APDU 00a40400"),
        (False, "a2e6d7", "R(ACK 0)"), (True, "b367c7", "R(NAK 1)"), (False, "f201aabb", "S(WTX 01)"),
        (False, "039000ffff", "I(1) APDU 9000"), (True, "c2e0b4", "S(DESELECT)"), (False, "c2e0b4", "S(DESELECT)"),
        (False, "0400", "ATQA"),
    )  # fmt: skip
    for from_reader, frame, said in steps:
        assert shown.line(from_reader, bytes.fromhex(frame)).split("  ")[-1] == said


def test_nfc_list_finds_nothing_where_nothing_is(field):
    with libnfc(peers.need("nfc-list"), field.reader) as listing:
        said = listing.communicate(timeout=60)[0]
    assert "opened" in said and "found" not in said


def test_nfcpy_reads_and_writes_the_tag_that_libnfc_emulates(field):
    written = [ndef.UriRecord("https://example.org/" + "x" * 150)]
    with forum_tag(field), nfcpy(field.reader) as frontend:
        tag = nfc.tag.activate(frontend, frontend.sense(nfc.clf.RemoteTarget("106A")))
        assert tag.ndef.records[0].uri_records[0].uri == "http://libnfc.org"
        tag.ndef.records = written
        assert tag.ndef.has_changed is False
        assert list(ndef.message_decoder(tag.ndef.octets)) == written
    assert field.reader.line.garbled == 0
    assert field.card.line.garbled == 0


NFCPY_CARD = """
import sys
import nfc
from nfc.clf import pn532
from nfc.clf.transport import TTY
frontend = nfc.ContactlessFrontend()
frontend.device = pn532.init(TTY(sys.argv[1]))
wanted = nfc.clf.LocalTarget("106A", sens_res=b"\\4\\0", sdd_res=b"\\x08\\1\\2\\3", sel_res=b"\\x20")
card = frontend.listen(wanted, 20)
command = card.tt4_cmd
try:
    while True:
        command = frontend.exchange(command[:1] + command[:0:-1] + b"\\x90\\0", 20)
except nfc.clf.BrokenLinkError:
    print("released")
"""


def test_nfcpy_as_a_card_speaks_with_nfcpy_as_a_reader(field):
    card = subprocess.Popen([sys.executable, "-c", NFCPY_CARD, field.card.path], stdout=subprocess.PIPE, text=True)
    try:
        until(lambda: field.card.is_listening)
        with nfcpy(field.reader) as frontend:
            found = frontend.sense(nfc.clf.RemoteTarget("106A"))
            assert found.sdd_res == b"\x08\x01\x02\x03"
            tag = nfc.tag.activate(frontend, found)
            assert tag.transceive(b"\x00\xa4\x04\x00") == b"\x00\x04\xa4\x00\x90\x00"
            assert tag.transceive(b"\x00\xb0") == b"\xb0\x00\x90\x00"
        assert card.communicate(timeout=60)[0] == "released\n"
    finally:
        card.kill()
        card.wait()


@pytest.mark.parametrize("fsdi, frame_b", zip(range(9), reversed(SIZES)))
def test_chaining_agrees_with_nfcpys_at_every_frame_size(field, fsdi, frame_b):
    """The chip's own ISO-DEP as a card, its host libnfc's tag, against nfcpy's as a reader."""
    field.card.target.frame_b = frame_b
    message = random.Random(fsdi).randbytes(200)
    with forum_tag(field), nfcpy(field.reader) as frontend:
        target = frontend.sense(nfc.clf.RemoteTarget("106A"))
        frontend.target = target
        ats = frontend.exchange(bytes((0xE0, fsdi << 4)), 0.1)
        assert SIZES[ats[1] & 15] == frame_b
        reader = IsoDepInitiator(frontend, frame_b, 0.2)
        assert reader.exchange(bytes.fromhex("00a4040007d276000085010100")) == b"\x90\x00"
        assert reader.exchange(bytes.fromhex("00a4000c02e104")) == b"\x90\x00"
        assert reader.exchange(b"\x00\xd6\x00\x02" + bytes((len(message),)) + message) == b"\x90\x00"
        assert reader.exchange(b"\x00\xb0\x00\x02" + bytes((len(message),))) == message + b"\x90\x00"
    of_card = [len(heard.data) for heard in field.air.record if not heard.from_reader]
    assert max(of_card) == min(SIZES[fsdi], 1 + len(message) + 2 + 2)


# Frames, from the manual's and AN10609's examples.


def test_frames_of_the_manual():
    assert encode(bytes.fromhex("d50332010607")) == bytes.fromhex("0000ff06fad50332010607e800")
    assert [*Ear().feed(bytes.fromhex("0000ff02fed4022a00"))] == [b"\xd4\x02"]
    assert [*Ear().feed(ACK + bytes.fromhex("0000ffff0000"))] == [b"", None]
    assert [*Ear().feed(bytes.fromhex("5555000000") + bytes.fromhex("0000ff05fbd4140114010200"))] == [
        bytes.fromhex("d414011401")
    ]


@pytest.mark.parametrize("size", [1, 2, 254, 255, 256, 257, 264, 265])
def test_every_length_of_frame_in_every_split(size):
    data = bytes((0xD4, *random.Random(size).randbytes(size - 1)))
    for at in range(len(encode(data))):
        ear = Ear()
        assert [*ear.feed(encode(data)[:at]), *ear.feed(encode(data)[at:])] == [data]


def test_what_is_damaged_is_not_heard_and_what_follows_is():
    whole = encode(bytes.fromhex("d4140114"))
    for at in range(3, len(whole) - 1):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            heard = [*Ear().feed(bytes(damaged) + bytes(300) + encode(b"\xd4\x02"))]
            assert heard[-1:] == [b"\xd4\x02"] and bytes.fromhex("d4140114") not in heard, damaged.hex()


@pytest.mark.parametrize("who", [0, 1])
def test_who_is_taken_away_hears_nothing_and_is_not_heard_until_he_is_back(tmp_path, who):
    async def test():
        felt, heard = asyncio.Queue(), []

        async def hear(frame):
            heard.append(frame)
            if frame == b"go":
                card.move(False)
            return frame[::-1]

        async def silent(frame):
            return None

        async with (
            Air(tmp_path / "air") as air,
            Antenna(air.path, silent, lambda on: None) as reader,
            Antenna(air.path, hear, felt.put_nowait) as card,
        ):
            reader.carry(True)
            assert await felt.get() and await reader.ask(b"12", 5) == b"21"
            (reader, card)[who].move(False)
            assert not await felt.get() and await reader.ask(b"34", 5) is None
            (reader, card)[who].move(True)
            assert await felt.get() and await reader.ask(b"56", 5) == b"65"
            assert await reader.ask(b"go", 5) is None and heard == [b"12", b"56", b"go"]

    asyncio.run(asyncio.wait_for(test(), 240))


def test_crc_of_the_standard():
    # ISO/IEC 14443-3 annex B.
    assert crc_a(b"\x00\x00") == b"\xa0\x1e"
    assert crc_a(b"\x12\x34") == b"\x26\xcf"


def test_what_a_host_breaks_off_ends_whenever_that_is(field):
    async def poll():
        return asyncio.create_task(field.card._do(b"\xd4\x60\xff\x00\x00"))  # InAutoPoll, for ever

    field.run(ends(poll, 100))


def test_whatever_a_host_says_the_chip_answers_or_waits(field):
    async def say(chances):
        seeds = [bytes.fromhex(text) for text in ("d402", "d4140100", "d44a0100", "d4400100a4", "d486", "d48e9000")]
        seeds += [b"\xd4\x8c\x05\x04\x00\1\2\3\x20" + bytes(30), b"\xd4\x42\x26", b"\xd4\x60\x01\x01\x00"]
        for _ in range(3000):
            frame = bytearray(chances.choice(seeds))
            for _ in range(chances.randrange(4)):
                frame[chances.randrange(1, len(frame))] = chances.randrange(256)
            said = bytes(frame[: chances.randrange(1, len(frame) + 1)]) + chances.randbytes(chances.choice((0, 0, 5)))
            running = asyncio.create_task(field.card._do(said))
            await asyncio.wait({running}, timeout=0.001)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                answer = await running
                assert answer is None or len(answer) <= 263, said.hex()

    field.run(say(random.Random(5)))
    with libnfc(peers.need("nfc-list"), field.reader) as listing:
        assert "opened" in listing.communicate(timeout=60)[0]
