"""The bytes of an update, from where they are into the slot that does not run. MicroPython; see ota.py."""

from micropython import const
from tos.pull import pull
from tos.writer import Writer
from toscore.errors import TosError

_OTA_DAMAGED = const(393)

_BACK_OFF_MS = (5000, 300000)
_TRIES = const(4)  # of one block


async def download(ota):
    """Until all of it is there, or ota.job is another one. Raises TosError and OSError when it is not to be had."""
    job = ota.job
    manifest, where, message = job
    begins = len(message)
    writer = Writer(_spare(ota), manifest.parts[0])
    writer.begin(message)
    message = job[2] = None
    pause_ms, longest_ms = _BACK_OFF_MS
    wrong = {}

    def sink(offset, piece):
        writer.write(piece)
        ota.told[3] = writer.blocks.at
        ota.app.link.changed("o")

    try:
        while not writer.blocks.whole():
            good = writer.blocks.good
            try:
                await pull(ota.app, where, begins + good, sink, lambda: ota.job is job)
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
