"""`tos nfc`: two simulated PN532 near each other, for drivers of any kind, and what goes through the field."""

import asyncio
import contextlib

import click


@click.command("nfc", short_help="Two simulated NFC chips near each other, and what they say.")
def command() -> None:
    """Start two simulated PN532, print their serial ports, and show each frame between them. Ctrl-C ends them.

    \b
      tos nfc
      LIBNFC_DEFAULT_DEVICE=pn532_uart:/dev/pts/5 nfc-emulate-forum-tag4
      LIBNFC_DEFAULT_DEVICE=pn532_uart:/dev/pts/6 nfc-list
    """
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run())


async def _run() -> None:
    import tempfile
    from pathlib import Path

    from ..sim.pn532.air import Air, Heard
    from ..sim.pn532.chip import Pn532
    from ..sim.pn532.show import Shown

    shown = Shown()

    def show(heard: Heard) -> None:
        click.echo(shown.line(heard.from_reader, heard.data, heard.whole))

    with tempfile.TemporaryDirectory() as folder:
        async with Air(Path(folder) / "air", show) as air, Pn532(air.path) as one, Pn532(air.path) as other:
            click.echo(f"PN532  {one.path}\nPN532  {other.path}")
            await asyncio.Event().wait()
