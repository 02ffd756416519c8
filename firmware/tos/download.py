"""The bytes of an update, from where they are into the slot that does not run. MicroPython; see ota.py."""

from micropython import const
from tos.ota import DOWNLOADING
from tos.writer import Writer
from toscore.errors import TosError

_OTA_DAMAGED = const(393)
_OTA_STALLED = const(444)

_BACK_OFF_MS = (5000, 300000)
_TRIES = const(4)  # of one block


async def download(ota):
    """Until all of it is there, or ota.job is another one. Raises TosError and OSError when it is not to be had."""
    job = ota.job
    manifest, where, message = job
    if where[1] == "http":
        from tos.web import pull
    else:
        from tos.pull import pull
    begins = len(message)
    writer = Writer(_spare(ota), manifest.parts[0])
    writer.begin(message)
    message = job[2] = None
    pause_ms, longest_ms = _BACK_OFF_MS
    wrong = {}

    def sink(offset, piece):
        writer.write(piece[: manifest.parts[0].length - writer.blocks.at])  # who sends more than that has said so
        ota.told[3] = writer.blocks.at
        ota.tell(DOWNLOADING)

    def is_wanted():
        return ota.job is job and not writer.blocks.whole()

    try:
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
            ota.tell(DOWNLOADING, _OTA_STALLED)
            await ota.pause(pause_ms)
            pause_ms = min(2 * pause_ms, longest_ms)
    finally:
        writer.close()


def _spare(ota):
    from tos import drop, slots

    try:
        return slots.spare(slots.load(), ota.told[6])
    finally:
        slots = None
        drop("tos.slots")
