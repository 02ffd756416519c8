"""A house of simulated devices: what its file may say, and that they live and end together."""

import asyncio
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from desk import desk
from programs import running
from tosplus import state
from tosplus.cli import cli
from tosplus.errors import HostError, UsageFault
from tosplus.link.client import Client
from tosplus.sim import house
from tosplus.sim.house import House, read

DEMO = Path(__file__).parents[2] / "houses" / "demo.toml"
TWO = """
[world]
rate = 0
ambient_c = 8

[[access_point]]
ssid = "home"
password = "secret"

[[device]]
app = "kettle"

[[device]]
app = "kettle"
name = "office"
"""


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """plan(text) -> what a house's file with this text means. The current directory is one of its own."""
    monkeypatch.chdir(desk(tmp_path))

    def write(text):
        (tmp_path / "den.toml").write_text(text)
        return read(tmp_path / "den.toml")

    return write


def test_a_file_says_it_all(plan):
    found = plan(TWO)
    assert (found.name, found.rate, found.ambient_c) == ("den", 0, 8)
    assert found.devices == {"kettle": "kettle", "office": "kettle"}
    assert found.access_points == ({"ssid": "home", "password": "secret", "rssi_dbm": -50, "fault": None},)


def test_what_a_file_does_not_say_is_ordinary(plan):
    found = plan('[[device]]\napp = "lamp"\n[[access_point]]\nssid = "cafe"\n')
    assert (found.rate, found.ambient_c, found.access_points[0]["password"]) == (1, 20, None)


def test_one_device_may_have_a_clock_of_its_own(plan):
    found = plan('[world]\nrate = 30\n[[device]]\napp = "watch"\nrate = 1\n' + KETTLE)
    assert {name: device.rate for name, device in House(found).devices.items()} == {"watch": 1, "kettle": 30}
    other = House(replace(found, rate=7)).devices
    assert (other["watch"].rate, other["kettle"].rate) == (1, 7)


def test_an_app_of_ones_own_is_found_beside_the_house(plan, tmp_path):
    (tmp_path / "own.py").write_text("")
    assert plan('[[device]]\napp = "own.py"\n').devices == {"own": str(tmp_path / "own.py")}


KETTLE = '[[device]]\napp = "kettle"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "device: missing; write [[device]]"),
        ("[[device]\n", "(at line 1, column 9)"),
        ("device = 7\n", "device: give a list of tables, not 7"),
        ('device = ["kettle"]\n', "device: give a list of tables: [[device]]"),
        ('[[device]]\nname = "x"\n', "device[0].app: missing; give text"),
        ("[[device]]\napp = 7\n", "device[0].app: give text, not 7"),
        (KETTLE + '[[device]]\napp = "toaster"\n', "device[1].app: no app toaster; there are fridge"),
        (KETTLE + KETTLE, "device[1].name: there is a device kettle already; give this one another name"),
        (KETTLE + 'name = "../x"\n', "device[0].name: give letters, digits, - and _ only, not '../x'"),
        (KETTLE + "colour = 1\n", "device[0].colour: not a key of a house"),
        (KETTLE + "[wold]\n", "wold: not a key of a house"),
        (KETTLE + '[world]\nrate = "fast"\n', "world.rate: give a number, not 'fast'"),
        (KETTLE + "[world]\nrate = true\n", "world.rate: give a number, not True"),
        (KETTLE + "[world]\nrate = -1\n", "world.rate: give 1 for real time"),
        (KETTLE + "[world]\nrain = true\n", "world.rain: not a key of a house"),
        (KETTLE + "rate = -1\n", "device[0].rate: give 1 for real time"),
        (KETTLE + '[[access_point]]\nssid = "a"\nssdi = "b"\n', "access_point[0].ssdi: not a key of a house"),
        (KETTLE + "[[access_point]]\n", "access_point[0].ssid: missing"),
        (KETTLE + '[[access_point]]\nssid = "a"\nrssi_dbm = 1.5\n', "access_point[0].rssi_dbm: give a whole number"),
        (KETTLE + '[[access_point]]\nssid = "a"\nfault = "slow"\n', "access_point[0].fault: give one of security"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(plan, text, told):
    with pytest.raises(UsageFault) as caught:
        plan(text)
    assert str(caught.value).startswith("den.toml: ") and told in str(caught.value)


def test_the_demo_house_has_the_five_products():
    assert list(read(DEMO).devices) == ["kettle", "fridge", "watch", "tv", "till"]


def test_in_the_demo_house_a_tap_takes_its_time_as_in_life():
    assert read(DEMO).rates == {"watch": 1, "till": 1}


def test_devices_share_a_world_and_keep_apart_what_is_theirs(plan):
    async def main():
        said = []
        async with House(plan(TWO), plain=True, say=lambda *words: said.append(words[:2])) as den:
            assert sorted(said) == [("kettle", "ready"), ("office", "ready")]
            assert sorted(path.name for path in Path(".tos/den").iterdir()) == ["kettle", "office"]
            office = den.devices["office"]
            await office.control("advance", ms=3_600_000)
            assert (await office.control("get"))["signals"]["water_c"] < 19  # the room has 8 °C
            assert (await den.devices["kettle"].control("get"))["ms"] == 0
            ids = set()
            for device in den.devices.values():
                async with Client(*device.link) as client:
                    ids.add((await client.identity()).id)
            assert len(ids) == 2
            await office.kill()
            await office.restarted()
            assert ("office", "off") in said and ("kettle", "off") not in said
        assert not [path for path in Path(".tos/den").glob("*/run.json")]

    asyncio.run(main())


def test_radios_hear_the_access_points_of_the_house(plan, tmp_path):
    (tmp_path / "ear.py").write_text(
        "from tos import App\n"
        "app = App('ear')\n"
        "@app.read('heard', period_ms=50, type='text')\n"
        "def heard(dev):\n"
        "    return ' '.join(ssid for ssid, rssi_dbm, secure, bssid in app.board.radio.scan())\n"
    )

    async def main():
        two = '[[device]]\napp = "ear.py"\n[[access_point]]\nssid = "home"\n[[access_point]]\nssid = "cafe"\n'
        async with House(plan(two), plain=True) as den, Client(*den.devices["ear"].link) as client:
            while await client.get("heard") is None:
                await asyncio.sleep(0.01)
            assert await client.get("heard") == "home cafe"

    asyncio.run(main())


def test_a_fresh_house_has_forgotten(plan):
    async def water_c(heat_to=None, fresh=False):
        async with House(plan("[world]\nrate = 0\n" + KETTLE), fresh, plain=True) as den:
            if heat_to:
                await den.devices["kettle"].control("set", signal="water_c", value=heat_to)
            return (await den.devices["kettle"].control("get"))["signals"]["water_c"]

    assert asyncio.run(water_c(heat_to=77)) == asyncio.run(water_c()) == 77
    assert asyncio.run(water_c(fresh=True)) == 20


def test_a_device_that_does_not_come_up_ends_the_house(plan, tmp_path):
    (tmp_path / "bad.py").write_text("print('no such pin')\nwhile True:\n    pass\n")
    both = plan(KETTLE + '[[device]]\napp = "bad.py"\n')

    async def main():
        async with House(both, plain=True) as den:
            await den.devices["bad"].ready()

    async def impatient(device, timeout_s=1.0):
        await ready(device, timeout_s)

    ready = house.Device.ready
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.Device, "ready", impatient)
        with pytest.raises(HostError, match=r"(?s)bad does not come up.*no such pin"):
            asyncio.run(main())
    assert state.read(tmp_path / ".tos/den/kettle") is None


def test_fifty_devices_start_a_few_at_a_time(plan, monkeypatch):
    starting, most = 0, 0

    class Fake:
        def __init__(self, app, name, *arguments, **options):
            self.name = name

        async def __aenter__(self):
            nonlocal starting, most
            starting += 1
            most = max(most, starting)

        async def ready(self):
            nonlocal starting
            await asyncio.sleep(0)
            starting -= 1

        async def control(self, op):
            return {"hex": ""}

        async def __aexit__(self, *error):
            pass

    async def main():
        async with House(plan("".join(f'{KETTLE}name = "k{n}"\n' for n in range(50))), plain=True) as den:
            assert len(den.devices) == 50 and starting == 0

    monkeypatch.setattr(house, "Device", Fake)
    asyncio.run(main())
    assert most == 4


def test_tos_sim_runs_a_house_until_ctrl_c(plan, tmp_path):
    plan(TWO)
    command = ["tos", "sim", "--house", "den.toml", "--plain", "--hub", ""]
    with running(command, cwd=tmp_path) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        assert sorted(line.split("  ")[:2] for line in lines[:2]) == [["kettle", "ready"], ["office", "ready"]]
        assert lines[2] == "den  all 2 ready  state in .tos/den; Ctrl-C ends them\n"
        found = subprocess.run(["tos", "dev", "get", "den/office", "power"], capture_output=True, text=True)
        assert found.stdout.split() == ["power", "off"]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert not [name for name in ("kettle", "office") if state.read(tmp_path / ".tos/den" / name)]


def test_tos_sim_shows_the_code_of_each_device_that_has_no_owner(plan, tmp_path):
    plan(TWO)
    command = ["tos", "sim", "--house", "den.toml", "--hub", ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGINT)
    assert len({line for line in lines[3:] if line.startswith("Pairing code: tos:v1:kettle-")}) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("sim",), "give an APP or --house FILE"),
        (("sim", "kettle", "--house", "x.toml"), "give an APP or --house FILE"),
        (("sim", "kettle", "--bench", "b"), "--bench goes with --house"),
        (("sim", "--house", "x.toml"), "x.toml: No such file or directory"),
        (("sim", "--house", "x.toml", "--rate", "3"), "--rate is for one device; a house says such things in its file"),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, arguments, prog_name="tos")
    assert done.exit_code == 2 and told in done.stderr
