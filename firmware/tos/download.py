"""The bytes of an update, from where they are into the slot that does not run. MicroPython; see ota.py."""

from micropython import const
from tos.writer import Writer, opener, transported
from toscore.errors import TosError

_OTA_DAMAGED = const(393)
_OTA_STALLED = const(444)

_BACK_OFF_MS = (5000, 300000)
_TRIES = const(4)  # of one block


async def download(ota):
    """Until all of it is there, or ota.job is another one. Raises TosError and OSError when it is not to be had."""
    job = ota.job
    manifest, where, message = job
    begins = message_b = len(message)
    for part, writer in _stretches(ota, manifest):
        if message:
            writer.begin(message)
            message = job[2] = None
            if writer.is_mapped():
                await ota.restart()
        else:
            for _ in writer.find():  # of firmware for seconds; the loop turns meanwhile, and feeds the watchdog
                await ota.app.clock.sleep_ms(0)
        try:
            await _fetch(ota, where, begins, begins - message_b, part, writer)
        finally:
            writer.close()
        if ota.job is not job:
            return
        begins += part.length


def _stretches(ota, manifest):
    """(part, or what is like one; its Writer, or what is like one) in the order of the bundle."""
    name, label = _spare(ota)
    Partition = getattr(ota.app.board, "Partition", None)
    for part in manifest.parts:
        if part.table_b:
            from tos.firmware import stretches

            yield from stretches(Partition, label, name, part)
        else:
            yield part, Writer(name, part, opener(Partition, name, transported(part)))


async def _fetch(ota, where, begins, before, part, writer):
    """A part whose bytes begin there in the bundle. before: bytes of other parts that have come."""
    job = ota.job
    if where[1] == "http":
        from tos.web import pull
    else:
        from tos.pull import pull
    pause_ms, longest_ms = _BACK_OFF_MS
    wrong = {}

    def sink(offset, piece):
        writer.write(piece[: part.length - writer.blocks.at])  # who sends more than that has said so
        ota.told[3] = before + writer.blocks.at
        ota.tell(ota.DOWNLOADING)

    def is_wanted():
        return ota.job is job and not writer.blocks.whole()

    while not writer.blocks.whole():
        good = writer.blocks.good
        try:
            await pull(ota.app, where, begins + good, sink, is_wanted)
        except TosError as e:
            if e.code != _OTA_DAMAGED:
                raise
            ota.app.log.event(_OTA_DAMAGED, e.detail)
            wrong[e.detail] = wrong.get(e.detail, 0) + 1
            if wrong[e.detail] == _TRIES:
                raise
            continue
        if ota.job is not job or writer.blocks.whole():
            break
        writer.again()
        if writer.blocks.good > good:
            pause_ms = _BACK_OFF_MS[0]
        ota.app.log.event(_OTA_STALLED, writer.blocks.good)
        ota.tell(ota.DOWNLOADING, _OTA_STALLED)
        await ota.pause(pause_ms)
        pause_ms = min(2 * pause_ms, longest_ms)


def _spare(ota):
    """Its name, and the label of the partition that it is to run on, if that matters."""
    from tos import slots
    from tos.lazy import drop

    try:
        record = slots.load()
        name = slots.spare(record, ota.told[6])
        return name, record[name][2] if len(record[name]) > 2 else None
    finally:
        slots = None
        drop("tos.slots")
