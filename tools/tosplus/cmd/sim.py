"""`tos sim`: one device, or a house of them, as processes in the foreground."""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ..wellknown import REPORTS_HERE
from . import complete

if TYPE_CHECKING:
    from ..sim.device import Device


@click.command("sim", short_help="Run an app, or a house of them, as simulated devices.")
@click.argument("app", required=False, shell_complete=complete.app)
@click.option("--house", type=click.Path(path_type=Path), help="A TOML file with several devices, instead of APP.")
@click.option("--name", help="What `tos dev` calls it.  [default: the app's name]")
@click.option("--board", default="UNIX", show_default=True, shell_complete=complete.board, help="boards/NAME.")
@click.option("--rate", type=click.FloatRange(0), default=1, show_default=True, help="Time-lapse; 0 is a manual clock.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="UDP port; 0 is any free one."
)
@click.option("--state", type=click.Path(path_type=Path), help="Its flash and world.  [default: .tos/home/NAME]")
@click.option(
    "--bench", type=click.Path(path_type=Path), help="With --house: a Unix socket to touch and break its world."
)
@click.option("--fresh", is_flag=True, help="Forget flash and world first.")
@click.option("--hub", default=REPORTS_HERE, show_default=True, help='HOST:PORT to report to; "" is none.')
@click.option("--chip", type=click.Choice(["esp32", "esp32s3", "esp32c3"]), help="A new board, to be flashed first.")
@click.option(
    "--vpcd",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Its card, while it is armed, is in pcscd's virtual reader; TCP port of vpcd, on Debian 35963.",
)
@click.option(
    "--key",
    "keys",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Public key of who may sign its updates, a .pub.pem; twice for two.",
)
@click.option("--plain", is_flag=True, help="Answer in the clear too, to anybody here; for tests.")
def command(
    app: str | None,
    house: Path | None,
    name: str | None,
    board: str,
    rate: float,
    port: int,
    state: Path | None,
    bench: Path | None,
    fresh: bool,
    hub: str,
    chip: str | None,
    vpcd: int | None,
    keys: tuple[Path, ...],
    plain: bool,
) -> None:
    """Run APP as a simulated device until Ctrl-C.

    APP is a name from firmware/apps or the path of your own .py file. It is built, put into a flash image and started
    on MicroPython's Unix port. What the device keeps in its flash survives; --fresh makes it new. Read and switch
    it from another terminal with `tos dev`.

    With --chip it is a new board: nothing is built, and it starts from what `tos flash` or esptool write.

    A house is several devices, whose state is kept in .tos/HOUSE/DEVICE; docs/simulator.md says what its file holds.

    \b
      tos sim kettle
      tos sim kettle --name office --rate 30
      tos sim ~/heater.py --fresh
      tos sim --house houses/demo.toml
      tos sim kettle --chip esp32
    """
    if (app is None) == (house is None):
        raise click.UsageError("give an APP or --house FILE, one of the two")
    if bench and not house:
        raise click.UsageError("--bench goes with --house")
    from ..ota.keys import of_device

    with contextlib.suppress(KeyboardInterrupt):
        if house:
            _refuse_options_of_one_device()
            asyncio.run(_run_house(house, fresh, hub, plain, bench, of_device(keys)))
        elif app:
            asyncio.run(_run(app, name, board, rate, port, state, fresh, hub, plain, chip, vpcd, of_device(keys)))


def _refuse_options_of_one_device() -> None:
    context = click.get_current_context()
    for option in ("name", "board", "rate", "port", "state", "chip", "vpcd"):
        if context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{option} is for one device; a house says such things in its file")


async def _run(
    app: str,
    name: str | None,
    board: str,
    rate: float,
    port: int,
    folder: Path | None,
    fresh: bool,
    hub: str,
    plain: bool,
    chip: str | None,
    vpcd: int | None,
    keys: tuple[bytes, ...],
) -> None:
    from ..sim.device import Device

    def say(what: str, details: str) -> None:
        _say(device.name, what, details)

    async with contextlib.AsyncExitStack() as stack:
        air = await _reader(vpcd, stack) if vpcd else None
        device = Device(
            app, name, folder, board, rate, port,
            fresh=fresh, hub=hub, plain=plain, chip=chip, air=air, contacts=bool(vpcd), keys=keys, say=say,
        )  # fmt: skip
        await stack.enter_async_context(device)
        if chip:
            click.echo(f"{device.name}  {chip}  tos flash IMAGE --port {device.serial}")
        else:
            await device.ready()
        click.echo(f"{device.name}  console  {device.tty}; log in {device.state_dir / 'console.log'}; Ctrl-C ends it")
        if not chip:
            await _show_code(device)
        await asyncio.Event().wait()


async def _show_code(device: "Device") -> None:
    from ..errors import HostError

    with contextlib.suppress(HostError):  # it has an owner, or is plain
        click.echo(f"Pairing code: {await device.code()}")


async def _reader(port: int, stack: contextlib.AsyncExitStack) -> Path:
    """A field with vpcd's reader in it -> its path."""
    import tempfile

    from ..sim.pn532.air import Air
    from ..sim.vpcd import serve

    folder = stack.enter_context(tempfile.TemporaryDirectory())
    air = await stack.enter_async_context(Air(Path(folder) / "air"))
    serving = asyncio.create_task(serve(air.path, port=port))
    stack.callback(serving.cancel)
    return air.path


async def _run_house(
    file: Path, fresh: bool, hub: str, plain: bool, bench: Path | None, keys: tuple[bytes, ...]
) -> None:
    from ..paths import WORK
    from ..sim.house import House, read

    plan = read(file)
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(House(plan, fresh, _say, hub, plain, keys))
        if bench:
            from ..sim.bench import serve

            await stack.enter_async_context(serve(running, bench))
        click.echo(f"{plan.name}  all {len(plan.devices)} ready  state in {WORK / plan.name}; Ctrl-C ends them")
        await asyncio.gather(*(_show_code(device) for device in running.devices.values()))
        await asyncio.Event().wait()


def _say(device: str, what: str, details: str) -> None:
    click.echo(f"{device}  {what}  {details}".rstrip())
