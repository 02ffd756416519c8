"""A partition as if it were a file, for updates. MicroPython; see ota.py.

`Partition` is MicroPython's class esp32.Partition: this is after its documentation and esp32_partition.c.
"""

from micropython import const
from toscore.ota_blocks import BLOCK_B

_SIZE = const(3)  # in what info() gives
_ERASE = const(6)


def half(Partition, name):
    """What is a slot's of the partition romfs, as slots.py divides it."""
    partition = Partition("romfs")
    return Flash(partition, 0 if name == "a" else partition.info()[_SIZE] // BLOCK_B // 2)


class Flash:
    """From a block of the partition on. A block is erased when its first byte is written, and flash that encrypts
    itself is not for this: that takes multiples of 16 B."""

    def __init__(self, partition, block=0):
        self._partition = partition
        self._begin = self._at = block * BLOCK_B

    def seek(self, offset):
        self._at = self._begin + offset

    def readinto(self, data):
        self._partition.readblocks(self._at // BLOCK_B, data, self._at % BLOCK_B)
        self._at += len(data)
        return len(data)

    def read(self, n):
        data = bytearray(n)
        self.readinto(data)
        return data

    def write(self, data):
        view = memoryview(data)
        while view:
            at = self._at
            piece = view[: BLOCK_B - at % BLOCK_B]
            if at % BLOCK_B == 0:
                self._partition.ioctl(_ERASE, at // BLOCK_B)
            self._partition.writeblocks(at // BLOCK_B, piece, at % BLOCK_B)
            self._at += len(piece)
            view = view[len(piece) :]

    def flush(self):
        pass

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *args):
        pass
