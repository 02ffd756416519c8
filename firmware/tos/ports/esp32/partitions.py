"""Where firmware of our own is updated: the two OTA partitions of an ESP32, by esp32.Partition. ESP32 only.

Each line is after the documentation of MicroPython's esp32 module, "Flash partitions", and esp32_partition.c. Stock
firmware without OTA has no second partition: then `spare` raises, and an update of firmware is refused. Nobody calls
this yet; it is part of no manifest until a firmware of ours is built with two slots.
"""

from esp32 import Partition
from micropython import const
from toscore.errors import StoreError

_OTA_PART = const(429)

_BLOCK_B = const(4096)
_SIZE = const(3)  # in what info() gives
_NO_ROLLBACK = const(-261)  # of firmware without CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE


def spare() -> Partition:
    """The partition that does not run. StoreError where there is none."""
    try:
        return Partition(Partition.RUNNING).get_next_update()  # type: ignore[arg-type]  # the stubs know labels only
    except OSError:
        raise StoreError(_OTA_PART)


def room_b(partition: Partition) -> int:
    return partition.info()[_SIZE]


def write(partition: Partition, offset: int, data: bytes) -> None:
    """One block of 4096 B, or the last, which may be shorter. Without an offset of its own writeblocks() erases the
    block first; a short one is filled up, because it writes as much as it is given."""
    if len(data) < _BLOCK_B:
        data = data + b"\xff" * (_BLOCK_B - len(data))
    partition.writeblocks(offset // _BLOCK_B, data)


def read(partition: Partition, offset: int, buffer: bytearray) -> None:
    """What was written, to be hashed after a cut and before it may start. offset: of a block."""
    partition.readblocks(offset // _BLOCK_B, buffer)


def trial(partition: Partition) -> None:
    """The next start is of it. A hard reset has to follow and no deep sleep, or the bootloader would not look at the
    image; it raises OSError for what is no image."""
    partition.set_boot()


def confirm() -> None:
    """What runs stays. Else the bootloader goes back at the next start. At any start this does no harm."""
    try:
        Partition.mark_app_valid_cancel_rollback()
    except OSError as e:
        if e.errno != _NO_ROLLBACK:
            raise
