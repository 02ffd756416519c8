"""The first files of a product of one's own: an app that runs at once, and its test."""

import re
from pathlib import Path

from .errors import UsageFault
from .paths import shown

APP = '''\
"""{title}: one relay, and a button that switches it."""

from tos import App

app = App("{name}", needs=("relay", "button"))


@app.read("button", type="binary_sensor", period_ms=50)
def button(dev):
    return dev.button()


@app.write("power", initial=False, depends=())  # it may stay on though the button cannot be read
def power(dev, on):
    dev.relay(on)


@app.when("button", equals=True)
def pressed(dev, value):
    app.set("power", not app.get("power"))
'''

TEST = '''\
"""The {name} as a process on simulated hardware; its clock moves only when told."""

import asyncio
from pathlib import Path

from tosplus.link.client import Client
from tosplus.sim.device import Device

APP = str(Path(__file__).with_name("{name}.py"))


def test_a_press_switches_it_on_and_a_power_cut_off(tmp_path):
    async def main():
        async with Device(APP, state_dir=tmp_path, rate=0, plain=True) as device:
            await device.ready()
            await device.control("set", signal="button", value=True)
            await device.control("advance", ms=100)
            async with Client(*device.link) as client:
                assert await client.get("power") is True
            assert (await device.control("get"))["signals"]["relay"] is True
            await device.control("set", signal="button", value=False)
            await device.kill()
            await device.restarted()
            assert (await device.control("get"))["signals"]["relay"] is False

    asyncio.run(main())
'''


def write(name: str, folder: Path) -> list[Path]:
    """Both files, or none -> their paths. Raises UsageFault for a name that does not fit, or that is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UsageFault(f"{name} is not a name for an app; take small letters, digits and _, such as night_light")
    files = {folder / f"{name}.py": APP, folder / f"test_{name}.py": TEST}
    for file in files:
        if file.exists():
            raise UsageFault(f"{shown(file)} is there already; choose another name, or move it away")
    for file, text in files.items():
        file.write_text(text.format(name=name, title=name.replace("_", " ").capitalize()))
    return list(files)
