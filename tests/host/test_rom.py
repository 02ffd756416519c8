"""The simulated ROM bootloader by itself: frames, flash chip, download mode, and the checks of a boot."""

import hashlib
import random
import struct
import zlib

import chipware
import pytest
from tosplus.sim.rom.boot import NoBoot, check
from tosplus.sim.rom.chips import CHIPS
from tosplus.sim.rom.loader import Loader
from tosplus.sim.rom.nor import Nor, PowerCut
from tosplus.sim.rom.slip import Decoder, encode

SYNC = b"\x07\x07\x12\x20" + b"\x55" * 32
AT = 0x110000
BEGIN, DATA, END, MEM_BEGIN, MEM_END, MEM_DATA = 2, 3, 4, 5, 6, 7
SET_PARAMS, ATTACH, READ_SLOW, DEFL_BEGIN, DEFL_DATA, MD5 = 0x0B, 0x0D, 0x0E, 0x10, 0x11, 0x13


class Flasher:
    """A host that says what a test wants, byte by byte, and not what esptool would."""

    def __init__(self, loader):
        self.loader = loader
        self.frames = Decoder()

    def raw(self, op, body=b"", checksum=0, direction=0, size=None):
        size = len(body) if size is None else size
        packet = struct.pack("<BBHI", direction, op, size, checksum) + body
        return self.frames.feed(self.loader.feed(encode(packet)))

    def ask(self, op, body=b"", checksum=0):
        """-> the error (0 is none) and what came before the status."""
        (answer,) = self.raw(op, body, checksum)
        direction, answered, size, _ = struct.unpack_from("<BBHI", answer)
        assert (direction, answered, size) == (1, op, len(answer) - 8)
        status = 2 if self.loader.is_stub else 4
        failed, error = answer[-status:][:2]
        assert failed == (error != 0)
        return error, answer[8:-status]

    def words(self, op, *words):
        return self.ask(op, struct.pack(f"<{len(words)}I", *words))

    def block(self, op, seq, data, flip=0):
        checksum = 0xEF
        for byte in data:
            checksum ^= byte
        return self.ask(op, struct.pack("<IIII", len(data), seq, 0, 0) + data, checksum ^ flip)[0]

    def attached(self):
        assert self.words(ATTACH, 0, 0) == (0, b"")
        assert self.words(SET_PARAMS, 0, 4 << 20, 0, 0, 0, 0) == (0, b"")
        return self


@pytest.fixture
def nor(tmp_path):
    return Nor(tmp_path / "flash.bin", 4 << 20)


@pytest.fixture
def flasher(nor):
    return Flasher(Loader(CHIPS["esp32"], nor))


# Frames


def test_a_frame_is_escaped_as_rfc_1055_says():
    assert encode(b"\x01\xc0\x02\xdb\x03") == b"\xc0\x01\xdb\xdc\x02\xdb\xdd\x03\xc0"


def test_frames_come_out_however_their_bytes_arrive():
    packets = [random.Random(n).randbytes(n) for n in range(1, 300, 7)] + [b"\xc0\xdb" * 20]
    line = b"".join(map(encode, packets))
    for step in (1, 2, 3, 100, len(line)):
        decoder = Decoder()
        assert [p for at in range(0, len(line), step) for p in decoder.feed(line[at : at + step])] == packets


def test_a_frame_cut_short_is_no_frame():
    line = encode(b"a\xc0b\xdbc")
    for end in range(len(line) - 1):
        assert Decoder().feed(line[:end]) == []


def test_a_wrong_escape_drops_its_frame_only():
    assert Decoder().feed(b"\xc0a\xdbb\xc0" + encode(b"next")) == [b"next"]


def test_noise_without_an_end_is_not_kept():
    decoder = Decoder()
    for _ in range(100):
        decoder.feed(b"x" * 4096)
    assert decoder.feed(encode(b"next"))[-1] == b"next"


# Flash chip


def test_a_new_flash_chip_is_erased(nor):
    assert set(nor.read(0, nor.size_b)) == {0xFF}


def test_programming_clears_bits_and_sets_none(nor):
    nor.program(100, b"\xf0\x0f\xff")
    nor.program(100, b"\xff\xf0\x3c")
    assert nor.read(99, 5) == b"\xff\xf0\x00\x3c\xff"


def test_erasing_is_by_whole_sectors(nor):
    nor.program(0, bytes(3 * 4096))
    nor.erase(4096 + 10, 20)
    assert nor.read(0, 3 * 4096) == bytes(4096) + b"\xff" * 4096 + bytes(4096)


@pytest.mark.parametrize("offset, size", [(4 << 20, 1), ((4 << 20) - 1, 2), (-1, 1)])
def test_beyond_its_end_there_is_nothing(nor, offset, size):
    for operation in (nor.read, nor.erase, lambda at, n: nor.program(at, bytes(n))):
        with pytest.raises(ValueError):
            operation(offset, size)


def test_a_power_cut_leaves_half_an_operation(nor):
    nor.program(0, bytes(4096))
    nor.cut_after = 2
    with pytest.raises(PowerCut):
        nor.program(4096, bytes(1024))
    assert nor.read(4096, 1024) == bytes(512 + 128) + b"\xff" * 384
    nor.cut_after = 0
    with pytest.raises(PowerCut):
        nor.erase(0, 4096)
    assert nor.read(0, 4096) == b"\xff" * 2048 + bytes(2048)
    nor.erase(0, 4096)  # and works again with the supply back
    assert nor.read(0, 4096) == b"\xff" * 4096


def test_what_is_written_is_in_the_file(tmp_path, nor):
    nor.program(5, b"kept")
    assert (tmp_path / "flash.bin").read_bytes()[5:9] == b"kept"
    with pytest.raises(ValueError, match="flash chip"):
        Nor(tmp_path / "flash.bin", 8 << 20)


# Download mode


def test_sync_is_answered_eight_times_and_tells_rom_from_stub(flasher):
    answers = flasher.raw(8, SYNC)
    assert len(answers) == 8 and all(struct.unpack_from("<I", a, 4)[0] for a in answers)
    stub(flasher)
    assert {struct.unpack_from("<I", a, 4)[0] for a in flasher.raw(8, SYNC)} == {0}


def test_what_is_no_request_is_not_answered(flasher):
    assert flasher.raw(8, SYNC[:-1]) == []
    assert flasher.raw(8, SYNC, direction=1) == []
    assert flasher.raw(8, SYNC, size=3) == []
    assert flasher.loader.feed(b"rst:0x1 (POWERON_RESET)\r\n") == b""


@pytest.mark.parametrize("op", [BEGIN, DATA, END, MEM_BEGIN, MEM_DATA, MEM_END, 9, 10, SET_PARAMS, ATTACH, 15, MD5])
def test_a_request_cut_short_is_an_invalid_message(flasher, op):
    flasher.attached()
    for size in range(3):
        assert flasher.ask(op, bytes(size))[0] == 5


def test_what_the_rom_does_not_know_is_answered_under_another_number(flasher):
    (answer,) = flasher.raw(0xD0)  # only stubs erase everything
    assert answer[1] != 0xD0 and answer[8:10] == b"\x01\x05"
    (answer,) = flasher.raw(0x14)  # and the ESP32 has no security info
    assert answer[8:10] == b"\x01\x05"


def test_no_flash_before_it_is_attached_and_none_beyond_two_megabytes_before_its_size_is_set(flasher):
    assert flasher.words(BEGIN, 4096, 4, 1024, AT)[0] == 8
    flasher.words(ATTACH, 0, 0)
    assert flasher.words(BEGIN, 4096, 4, 1024, AT)[0] == 0
    assert flasher.words(BEGIN, 4096, 4, 1024, 2 << 20)[0] == 8
    flasher.attached()
    assert flasher.words(BEGIN, 4096, 4, 1024, 2 << 20)[0] == 0
    assert flasher.words(BEGIN, 4096, 4, 1024, 4 << 20)[0] == 8


def test_a_download_lands_in_flash(flasher, nor):
    flasher.attached()
    nor.program(AT, bytes(8192))
    data = random.Random(1).randbytes(2500)
    assert flasher.words(BEGIN, 2500, 3, 1024, AT)[0] == 0
    assert nor.read(AT, 4096) == b"\xff" * 4096  # the ROM erases before it answers
    for seq in range(3):
        assert flasher.block(DATA, seq, data[seq * 1024 :][:1024].ljust(1024, b"\xff")) == 0
    # What is behind it in its last sector is erased, and what is in the next is not.
    assert nor.read(AT, 8192) == data.ljust(4096, b"\xff") + bytes(4096)
    assert flasher.words(MD5, AT, 2500, 0, 0) == (0, hashlib.md5(data).hexdigest().encode())
    assert flasher.words(READ_SLOW, AT + 10, 40) == (0, data[10:50].ljust(64, b"\0"))


def test_a_deflated_download_lands_in_flash(flasher, nor):
    flasher.attached()
    data = random.Random(2).randbytes(3000) + bytes(30000)
    packed = zlib.compress(data, 9)
    blocks = [packed[at : at + 1024] for at in range(0, len(packed), 1024)]
    assert flasher.words(DEFL_BEGIN, len(data), len(blocks), 1024, AT)[0] == 0
    assert [flasher.block(DEFL_DATA, seq, block) for seq, block in enumerate(blocks)] == [0] * len(blocks)
    assert nor.read(AT, len(data)) == data


def test_damaged_blocks_are_refused_and_can_be_sent_again(flasher, nor):
    flasher.attached()
    flasher.words(BEGIN, 2048, 2, 1024, AT)
    assert flasher.block(DATA, 0, b"a" * 1024, flip=1) == 7
    assert flasher.block(DATA, 1, b"b" * 1024) == 6
    assert nor.read(AT, 1024) == b"\xff" * 1024
    assert flasher.block(DATA, 0, b"a" * 1024) == 0
    assert flasher.block(DEFL_DATA, 1, zlib.compress(b"b" * 1024)) == 6
    assert flasher.block(DATA, 1, b"b" * 1024) == 0
    assert flasher.block(DATA, 2, b"c" * 1024) == 6
    assert nor.read(AT, 3072) == b"a" * 1024 + b"b" * 1024 + b"\xff" * 1024


def test_what_does_not_inflate_or_is_too_much_is_refused(flasher, nor):
    flasher.attached()
    flasher.words(DEFL_BEGIN, 1000, 1, 1024, AT)
    assert flasher.block(DEFL_DATA, 0, b"no zlib") == 0x0B
    flasher.words(DEFL_BEGIN, 1000, 1, 1024, AT)
    assert flasher.block(DEFL_DATA, 0, zlib.compress(bytes(1001))) == 6
    flasher.words(BEGIN, 1000, 1, 1024, AT)
    assert flasher.block(DATA, 0, b"\xff" * 1000 + b"too much".ljust(24)) == 6
    assert nor.read(AT, 4096) == b"\xff" * 4096


def stub(flasher, entry=0x40080010):
    """What is uploaded is no code: it only has to be there, whole."""
    flasher.words(MEM_BEGIN, 1500, 2, 1024, 0x40080000)
    flasher.block(MEM_DATA, 0, bytes(1024))
    flasher.block(MEM_DATA, 1, bytes(476))
    return flasher.raw(MEM_END, struct.pack("<II", 0, entry))


def test_a_stub_that_was_uploaded_whole_says_ohai(flasher):
    assert stub(flasher)[-1] == b"OHAI" and flasher.loader.is_stub


def test_a_stub_that_is_not_there_says_nothing(flasher):
    flasher.words(MEM_BEGIN, 1500, 2, 1024, 0x40080000)
    flasher.block(MEM_DATA, 0, bytes(1024))
    assert flasher.words(MEM_END, 0, 0x40080010)[0] == 6
    assert stub(flasher, entry=0x40090000)[1:] == []
    assert not flasher.loader.is_stub


def test_the_stub_erases_as_it_writes(flasher, nor):
    nor.program(AT, bytes(3 * 4096))
    stub(flasher)
    assert flasher.words(BEGIN, 8192, 2, 4096, AT, 0)[0] == 0
    assert nor.read(AT, 4096) == bytes(4096)
    assert flasher.block(DATA, 0, b"a" * 4096) == 0
    assert nor.read(AT, 3 * 4096) == b"a" * 4096 + bytes(2 * 4096)
    assert flasher.words(END, 1)[0] == 0xC8  # half of it is missing


def test_the_stub_sends_flash_in_packets_and_waits_for_acknowledgement(flasher, nor):
    data = random.Random(3).randbytes(10000)
    nor.program(AT, data)
    stub(flasher)
    _, *packets = flasher.raw(0xD2, struct.pack("<IIII", AT, len(data), 4096, 2))
    assert packets == [data[:4096], data[4096:8192]]
    packets = flasher.frames.feed(flasher.loader.feed(encode(struct.pack("<I", 8192))))
    assert packets == [data[8192:]]
    packets = flasher.frames.feed(flasher.loader.feed(encode(struct.pack("<I", 10000))))
    assert packets == [hashlib.md5(data).digest()]
    assert flasher.words(MD5, AT, 4, 0, 0) == (0, hashlib.md5(data[:4]).digest())


def test_a_power_cut_ends_the_session(flasher, nor):
    flasher.attached()
    nor.cut_after = 1
    with pytest.raises(PowerCut):
        flasher.words(BEGIN, 3 * 4096, 1, 1024, AT)


def test_damaged_sessions_never_crash_the_loader(nor):
    """Requests that a flasher sends, with bytes changed, cut and repeated."""
    noise = random.Random(5)
    requests = [
        (8, SYNC), (ATTACH, bytes(8)), (SET_PARAMS, struct.pack("<6I", 0, 4 << 20, 0, 0, 0, 0)),
        (BEGIN, struct.pack("<IIII", 4096, 2, 1024, AT)), (DATA, struct.pack("<IIII", 1024, 0, 0, 0) + bytes(1024)),
        (DEFL_BEGIN, struct.pack("<IIII", 4096, 2, 1024, AT)), (DEFL_DATA, struct.pack("<IIII", 8, 0, 0, 0) + bytes(8)),
        (MEM_BEGIN, struct.pack("<IIII", 16, 1, 1024, 0)), (MEM_DATA, struct.pack("<IIII", 16, 0, 0, 0) + bytes(16)),
        (MEM_END, bytes(8)), (9, bytes(16)), (10, bytes(4)), (END, bytes(4)), (MD5, struct.pack("<IIII", 0, 9, 0, 0)),
        (0xD1, struct.pack("<II", 0, 4096)), (0xD2, struct.pack("<IIII", 0, 9000, 4096, 1)), (0x14, b""),
    ]  # fmt: skip
    for _session in range(60):
        loader = Loader(CHIPS[noise.choice(list(CHIPS))], nor)
        for _ in range(60):
            op, body = noise.choice(requests)
            packet = bytearray(struct.pack("<BBHI", 0, op, len(body), noise.choice((0, 0xEF))) + body)
            if noise.random() < 0.3:
                packet[noise.randrange(len(packet))] = noise.randrange(256)
            loader.feed(encode(bytes(packet[: noise.choice((None, None, noise.randrange(len(packet))))])))


# The checks of a boot


@pytest.fixture(params=list(CHIPS))
def flashed(request, tmp_path):
    chip = CHIPS[request.param]
    nor = Nor(tmp_path / "chip.bin", chip.flash_mb << 20)
    nor.program(0, chipware.merged(request.param, {}, app_b=30000))
    return nor, chip


def test_a_sound_flash_boots_and_has_a_file_system(flashed):
    partition = check(*flashed)
    assert (partition.label, partition.offset, partition.size) == ("vfs", *chipware.VFS)


def test_a_new_chip_says_invalid_header(tmp_path):
    with pytest.raises(NoBoot, match="invalid header: 0xffffffff"):
        check(Nor(tmp_path / "new.bin", 4 << 20), CHIPS["esp32"])


@pytest.mark.parametrize("where, words", [
    ("bootloader", "ets_main.c 371|invalid header"), ("table", "flash_parts"), ("app", "No bootable app partitions"),
])  # fmt: skip
def test_a_bit_that_is_flipped_there_keeps_it_from_booting(flashed, where, words):
    nor, chip = flashed
    start, size = {
        "bootloader": (chip.boot_offset, len(chipware.image(chip.name, 8000))),
        "table": (0x8000, 4 * 32),
        "app": (chipware.APP[0], len(chipware.image(chip.name, 30000))),
    }[where]
    noise = random.Random(where)
    for at in [start, start + 8, *(start + noise.randrange(size) for _ in range(40))]:  # the checksum has no header
        begin = at - at % 4096
        sector = nor.read(begin, 4096)
        damaged = bytearray(sector)
        damaged[at % 4096] ^= 1 << noise.randrange(8)
        rewrite(nor, begin, bytes(damaged))
        with pytest.raises(NoBoot, match=words):
            check(nor, chip)
        rewrite(nor, begin, sector)
    check(nor, chip)


def test_an_application_without_a_hash_is_held_by_its_checksum(flashed):
    nor, chip = flashed
    sector = bytearray(nor.read(chipware.APP[0], 4096))
    sector[23] = 0
    rewrite(nor, chipware.APP[0], bytes(sector))
    check(nor, chip)
    sector[2000] ^= 4
    rewrite(nor, chipware.APP[0], bytes(sector))
    with pytest.raises(NoBoot, match="Checksum failed"):
        check(nor, chip)


def rewrite(nor, offset, data):
    nor.erase(offset, len(data))
    nor.program(offset, data)


def test_firmware_of_another_chip_does_not_boot(tmp_path):
    nor = Nor(tmp_path / "c3.bin", 4 << 20)
    nor.program(0, chipware.merged("esp32s3", {}, app_b=30000))
    with pytest.raises(NoBoot, match="mismatch chip ID, expected 5, found 9"):
        check(nor, CHIPS["esp32c3"])
