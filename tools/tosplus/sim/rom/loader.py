"""Download mode: the serial protocol of the ROM, and of the stub that a flasher puts into its RAM.

Sans I/O. Written from Espressif's description, "Serial Protocol" in the documentation of esptool. The stub is not run:
once one has been uploaded whole and is started, its commands are answered.
"""

import functools
import hashlib
import operator
import struct
from collections.abc import Callable

from .chips import Chip, Registers
from .nor import SECTOR_B, Nor
from .slip import Decoder, encode
from .transfers import ERRORS, Reading, Refused, Segment, Writing

_REQUEST, _RESPONSE = 0, 1
_HEADER = struct.Struct("<BBHI")
_SYNC = bytes((0x07, 0x07, 0x12, 0x20)) + b"\x55" * 32
_SYNC_ANSWERS = 8
_ROM_VALUE = 0x20120707  # in the ROM's answers to SYNC; the stub's have 0
_SEED = 0xEF  # of the checksum over a block's bytes
_SLOW_B = 64  # what READ_FLASH_SLOW gives at most
_STARTS_WITH_MB = 2  # the ROM takes the flash chip for this big until SPI_SET_PARAMS
_BAUD = 115200

Answer = tuple[int, bytes]  # value, body


class Loader:
    """feed() takes what the flasher sends and returns what the chip sends.

    leaves: None while the session goes on; then "run" for the application, "reset" for the loader anew.
    Raises PowerCut from the flash chip.
    """

    def __init__(self, chip: Chip, nor: Nor) -> None:
        self.leaves: str | None = None
        self.is_stub = False
        self.baud = _BAUD
        self._chip = chip
        self._nor = nor
        self._registers = Registers(chip, lambda: self.baud)
        self._frames = Decoder()
        self._is_attached = False
        self._flash_b = _STARTS_WITH_MB << 20
        self._memory: list[Segment] = []
        self._writing: Writing | None = None
        self._reading: Reading | None = None
        both: dict[int, Callable[[bytes], Answer]] = {
            0x02: lambda body: self._flash_begin(body, is_deflated=False),
            0x03: lambda body: self._flash_data(body, is_deflated=False),
            0x04: self._flash_end,
            0x05: self._mem_begin,
            0x06: self._mem_end,
            0x07: self._mem_data,
            0x09: self._write_reg,
            0x0A: self._read_reg,
            0x0B: self._spi_set_params,
            0x0D: self._spi_attach,
            0x0F: self._change_baudrate,
            0x10: lambda body: self._flash_begin(body, is_deflated=True),
            0x11: lambda body: self._flash_data(body, is_deflated=True),
            0x12: self._flash_end,
            0x13: self._flash_md5,
        }
        if chip.tells_id:
            both[0x14] = self._security_info
        self._of_rom = {**both, 0x0E: self._read_slowly}
        self._of_stub = {**both, 0xD0: self._erase_flash, 0xD1: self._erase_region, 0xD2: self._read_flash}

    def feed(self, data: bytes) -> bytes:
        return b"".join(self._frame(frame) for frame in self._frames.feed(data))

    def _frame(self, frame: bytes) -> bytes:
        if self._reading:
            packets = self._reading.acknowledged(frame)
            if self._reading.is_over:
                self._reading = None
            return b"".join(map(encode, packets))
        if len(frame) < _HEADER.size:
            return b""
        direction, op, size, checksum = _HEADER.unpack_from(frame)
        body = frame[_HEADER.size :]
        if direction != _REQUEST or size != len(body):
            return b""
        if op == 0x08:
            return self._sync(body)
        handler = (self._of_stub if self.is_stub else self._of_rom).get(op)
        if handler is None:
            return self._unknown(op)
        was_stub = self.is_stub
        try:
            if op in (0x03, 0x07, 0x11):
                _check_block(body, checksum)
            value, answer = handler(body)
            error = 0
        except struct.error:
            value, answer, error = 0, b"", ERRORS["length"][was_stub]
        except ValueError:  # outside of the flash
            value, answer, error = 0, b"", ERRORS["flash"][was_stub]
        except Refused as e:
            value, answer, error = 0, b"", ERRORS[e.error][was_stub]
        said = self._respond(op, value, answer, error, was_stub)
        if self.is_stub and not was_stub:
            said += encode(b"OHAI")
        if self._reading:
            said += b"".join(map(encode, self._reading.begin()))
        return said

    def _respond(self, op: int, value: int, body: bytes, error: int, is_stub: bool) -> bytes:
        status = bytes((error != 0, error)) + (b"" if is_stub else bytes(2))
        return encode(_HEADER.pack(_RESPONSE, op, len(body) + len(status), value) + body + status)

    def _unknown(self, op: int) -> bytes:
        if self.is_stub:
            return self._respond(op, 0, b"", 0xFF, True)
        return self._respond(0, 0, b"", ERRORS["length"][0], False)  # the ROM does not say what it answers

    def _sync(self, body: bytes) -> bytes:
        if body != _SYNC:
            return b""
        value = 0 if self.is_stub else _ROM_VALUE
        return self._respond(0x08, value, b"", 0, self.is_stub) * _SYNC_ANSWERS

    # Chip

    def _read_reg(self, body: bytes) -> Answer:
        (address,) = struct.unpack("<I", body)
        return self._registers.read(address), b""

    def _write_reg(self, body: bytes) -> Answer:
        if not body:
            raise Refused("length")
        for address, value, mask, _ in struct.iter_unpack("<IIII", body):
            self._registers.write(address, value, mask)
        return 0, b""

    def _security_info(self, body: bytes) -> Answer:
        """Nothing is locked: flags, the counter of flash encryption, seven key purposes, chip, version of this."""
        return 0, struct.pack("<IB7xII", 0, 0, self._chip.chip_id, 0)

    def _change_baudrate(self, body: bytes) -> Answer:
        self.baud, _ = struct.unpack("<II", body)
        return 0, b""

    # RAM

    def _mem_begin(self, body: bytes) -> Answer:
        size, blocks, _, address = struct.unpack("<IIII", body)
        self._memory.append(Segment(address, size, blocks))
        return 0, b""

    def _mem_data(self, body: bytes) -> Answer:
        if not self._memory:
            raise Refused("order")
        _, seq = struct.unpack_from("<II", body)
        self._memory[-1].put(seq, body[16:])
        return 0, b""

    def _mem_end(self, body: bytes) -> Answer:
        stays, entry = struct.unpack("<II", body)
        memory, self._memory = self._memory, []
        if not all(segment.is_whole for segment in memory):
            raise Refused("too little")
        # What is started has to be there; the ROM would crash.
        if not stays and any(segment.holds(entry) for segment in memory):
            self.is_stub = True
            self._is_attached = True
            self._flash_b = self._nor.size_b
        return 0, b""

    # Flash

    def _spi_attach(self, body: bytes) -> Answer:
        if len(body) != (4 if self.is_stub else 8):
            raise Refused("length")
        self._is_attached = True
        return 0, b""

    def _spi_set_params(self, body: bytes) -> Answer:
        _, self._flash_b, _, _, _, _ = struct.unpack("<IIIIII", body)
        return 0, b""

    def _flash_begin(self, body: bytes, is_deflated: bool) -> Answer:
        # A fifth word, whether to encrypt, is unknown to the ESP32's ROM, wanted by later ones, and open to the stub.
        words = len(body) // 4 if self.is_stub and len(body) in (16, 20) else 5 if self._chip.tells_id else 4
        size, blocks, _, offset = struct.unpack(f"<{words}I", body)[:4]
        self._check_flash(offset, size)
        self._writing = Writing(self._nor, offset, size, blocks, is_deflated, is_eager=not self.is_stub)
        return 0, b""

    def _flash_data(self, body: bytes, is_deflated: bool) -> Answer:
        if not self._writing or self._writing.is_deflated != is_deflated:
            raise Refused("order")
        _, seq = struct.unpack_from("<II", body)
        self._writing.block(seq, body[16:])
        return 0, b""

    def _flash_end(self, body: bytes) -> Answer:
        (stays,) = struct.unpack("<I", body)
        if not self._writing:
            raise Refused("order")
        writing, self._writing = self._writing, None
        writing.finish()
        if not stays:
            self.leaves = "reset"
        elif not self.is_stub:
            self.leaves = "run"
        return 0, b""

    def _flash_md5(self, body: bytes) -> Answer:
        offset, size, _, _ = struct.unpack("<IIII", body)
        self._check_flash(offset, size)
        digest = hashlib.md5(self._nor.read(offset, size))
        return 0, digest.digest() if self.is_stub else digest.hexdigest().encode()

    def _read_slowly(self, body: bytes) -> Answer:
        offset, size = struct.unpack("<II", body)
        self._check_flash(offset, size)
        if size > _SLOW_B:
            raise Refused("length")
        return 0, self._nor.read(offset, size).ljust(_SLOW_B, b"\0")

    def _read_flash(self, body: bytes) -> Answer:
        offset, size, packet_b, ahead = struct.unpack("<IIII", body)
        self._check_flash(offset, size)
        self._reading = Reading(self._nor.read(offset, size), packet_b, ahead)
        return 0, b""

    def _erase_flash(self, body: bytes) -> Answer:
        self._nor.erase(0, self._nor.size_b)
        return 0, b""

    def _erase_region(self, body: bytes) -> Answer:
        offset, size = struct.unpack("<II", body)
        if offset % SECTOR_B or size % SECTOR_B:
            raise Refused("length")
        self._check_flash(offset, size)
        self._nor.erase(offset, size)
        return 0, b""

    def _check_flash(self, offset: int, size: int) -> None:
        if not self._is_attached or offset + size > min(self._flash_b, self._nor.size_b):
            raise Refused("flash")


def _check_block(body: bytes, checksum: int) -> None:
    """A block begins with its length, its number and two unused words."""
    (size,) = struct.unpack_from("<I", body)
    if size != len(body) - 16:
        raise Refused("length")
    if functools.reduce(operator.xor, body[16:], _SEED) != checksum:
        raise Refused("checksum")
