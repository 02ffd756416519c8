"""docs/making-a-product.md: what it shows is true."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from desk import desk
from tosplus.build.product import build
from tosplus.link.client import Client
from tosplus.link.rule_words import told
from tosplus.sim.device import Device
from tosplus.sim.house import read

ROOT = Path(__file__).parents[2]


def shown(language):
    text = (ROOT / "docs/making-a-product.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_every_stage_of_the_kettle_compiles_and_the_last_is_the_product(tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))
    begun, rule, product, owners, _ = shown("python")
    for stage in (begun, begun + rule, product, product + owners):
        Path("kettle.py").write_text(stage)
        build("./kettle.py", "ESP32_GENERIC")
    assert product == (ROOT / "firmware/apps/kettle.py").read_text()


def test_its_test_passes_and_needs_the_rule(tmp_path):
    begun, _, product, _, test = shown("python")
    (tmp_path / "test_kettle.py").write_text(test)
    for app, passes in ((product, True), (begun.replace("\n\n\n", "\napp.value('boils', initial=0)\n\n", 1), False)):
        (tmp_path / "kettle.py").write_text(app)
        command = [sys.executable, "-m", "pytest", "-q"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert (done.returncode == 0) is passes, done.stdout


def test_its_rule_for_the_owner_switches_off_and_can_be_replaced(tmp_path):
    _, _, product, owners, _ = shown("python")
    (tmp_path / "kettle.py").write_text(product + owners)

    async def main():
        async with Device(str(tmp_path / "kettle.py"), state_dir=tmp_path / "kettle", rate=0, plain=True) as kettle:
            await kettle.ready()
            await kettle.control("advance", ms=100)
            async with Client(*kettle.link) as client:
                (rule,) = await client.rules()
                assert told(rule) == "when temp above 60 set power off"
                await client.set("power", True)
                await kettle.control("advance", ms=600_000)
                assert await client.get("power") is False and await client.get("boils") == 0
                await client.set_rules([])
                await client.set("power", True)
                await kettle.control("advance", ms=600_000)
                assert await client.get("power") is False and await client.get("boils") == 1

    asyncio.run(main())


def test_its_house_can_be_read(tmp_path):
    [house] = shown("toml")
    (tmp_path / "kettle.py").write_text("")
    (tmp_path / "house.toml").write_text(house)
    assert list(read(tmp_path / "house.toml").devices) == ["kettle", "fridge"]
