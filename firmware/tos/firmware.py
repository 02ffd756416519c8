"""The firmware of an update into the partition that does not run, as it comes and after a cut. MicroPython; see ota.py.

`Partition` is MicroPython's class esp32.Partition: this is after its documentation and esp32_partition.c. A slot that
came with firmware has the label of its partition in the record of slots.py, which starts both together or not at all.
"""

from micropython import const
from toscore.errors import StoreError, WireError
from toscore.ota_blocks import BLOCK_B, Files

_OTA_ROOM = const(427)
_OTA_CONTENT = const(428)
_OTA_PART = const(429)

_TABLE = "~hashes"  # no file of an update can have this name
_IMAGE = "~firmware"
_EMPTY = const(0)  # of slots.py
_SIZE, _LABEL = const(3), const(4)  # in what info() gives


def place(Partition, record, part):
    """-> [label] of the partition for it. What the record has of slots is kept with what runs, or given up if it was to
    run from there. StoreError where there is no second partition, or not enough room."""
    running, spare = _pair(Partition)
    label = spare.info()[_LABEL]
    image_b = part.length - part.table_b
    if image_b > spare.info()[_SIZE]:
        raise StoreError(_OTA_ROOM, -(-image_b // BLOCK_B))
    for name in "ab":
        if len(record[name]) < 3:
            record[name].append(running.info()[_LABEL])
        if record[name][2] == label:
            record[name] = [_EMPTY, 0]
    return [label]


def _pair(Partition):
    """What runs, and the other one."""
    try:
        running = Partition(Partition.RUNNING)
        spare = running.get_next_update()
    except (OSError, AttributeError):  # a chip with one partition, a board with none
        raise StoreError(_OTA_PART)
    if spare.info()[_LABEL] == running.info()[_LABEL]:
        raise StoreError(_OTA_PART)
    return running, spare


def stretches(Partition, label, name, part):
    """-> (what is like a part, its Writer): the table of hashes into the slot of this name, and the image, which is
    compared with it."""
    from tos.flash import Flash
    from tos.writer import Writer, opener

    table = _Stretch(part.table_b, part.hashes, _TABLE)
    yield table, Writer(name, table, opener(Partition, name, table.files))
    image = _Stretch(part.length - part.table_b, _Table("/%s/%s" % (name, _TABLE)), _IMAGE)
    yield image, Writer(name, image, lambda path, mode: Flash(Partition(label)))


async def check(clock, Partition, label, name, part):
    """WireError when what is in the flash is not what was signed. The loop turns meanwhile, and feeds the watchdog."""
    _, (_, writer) = stretches(Partition, label, name, part)
    for _ in writer.find():
        await clock.sleep_ms(0)
    if not writer.blocks.whole():
        raise WireError(_OTA_CONTENT)


class _Stretch:
    base = None

    def __init__(self, length, hashes, name):
        self.length = length
        self.hashes = hashes
        self.files = Files(name + "\n", [length])


class _Table:
    """The hashes that are in a file, for Blocks: a slice of it is read from there."""

    def __init__(self, path):
        self._path = path

    def __getitem__(self, rows):
        with open(self._path, "rb") as f:
            f.seek(rows.start)
            return f.read(rows.stop - rows.start)
