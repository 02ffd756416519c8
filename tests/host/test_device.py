"""A simulated device and its supply: starts, restarts, watchdog, power cuts, a serial port for the real mpremote."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess

import peers
import pytest
from desk import desk
from programs import running
from soon import soon
from tosplus import state
from tosplus.errors import HostError
from tosplus.link.client import Client
from tosplus.sim import console
from tosplus.sim.device import Device


def run(tmp_path, test, app="kettle", **options):
    """Run test(device) with a device that is ready; returns what its supply had to say. Nothing may fail unseen."""
    said = []
    unseen = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: unseen.append(context))
        about = {"say": lambda what, details: said.append(what), "plain": True, **options}
        device = Device(app, state_dir=tmp_path / "kettle", **about)
        async with device:
            await device.ready()
            await test(device)

    asyncio.run(main())
    assert not unseen
    return said


def maker(tmp_path, body):
    """An app of a maker's own, with a sensor `n` that is read twenty times a second."""
    app = tmp_path / "own.py"
    app.write_text(
        "from tos import App\n"
        "app = App('own', needs=('button',))\n"
        "@app.read('n', period_ms=50)\n"
        "def n(dev):\n" + "".join(f"    {line}\n" for line in body)
    )
    return str(app)


async def causes(device):
    """Why the running device started, from its log."""
    async with Client(*device.link) as client:
        return [entry.a for entry in (await client.log()).ring if entry.code == 201]


def test_it_starts_is_found_and_leaves_nothing_behind(tmp_path):
    async def test(device):
        found = state.read(device.state_dir)
        assert (found.name, found.model, found.board, found.rate) == ("kettle", "kettle", "UNIX", 1)
        assert found.link == device.link and found.tty == device.tty
        assert device.address == f"coap://127.0.0.1:{device.link[1]}"
        async with Client(*device.link) as client:
            assert (await client.identity()).model == "kettle"
        assert (await device.control("get"))["signals"]["relay"] is False

    assert run(tmp_path, test) == ["ready"]
    assert state.read(tmp_path / "kettle") is None
    assert {path.name for path in (tmp_path / "kettle").iterdir()} == {"lock", "flash.bin", "world.json", "console.log"}


def test_a_stale_run_json_is_recognised(tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    links = ("127.0.0.1", 1), ("127.0.0.1", 2)
    found = state.Run("k", "c0ffee", "kettle", "UNIX", 1, gone.pid, gone.pid, *links, "/dev/null")
    state.publish(tmp_path, found)
    assert state.read(tmp_path) is None


def test_kill_and_restart_keep_address_and_serial_port(tmp_path):
    async def test(device):
        before = (device.link, device.tty)
        await device.kill()
        await device.restarted()
        assert (device.link, device.tty) == before
        assert await causes(device) == [0]

    assert run(tmp_path, test) == ["ready", "off", "ready"]


def test_without_restart_it_stays_off(tmp_path):
    async def test(device):
        await device.kill()
        with pytest.raises(HostError, match="has not restarted"):
            await device.restarted(timeout_s=0.5)

    assert run(tmp_path, test, restart=False) == ["ready", "off"]


@pytest.mark.parametrize("tear", ["clean", "half", "erased"])
def test_a_power_cut_ends_it_at_that_flash_operation(tmp_path, tear):
    app = maker(tmp_path, ["if dev.button():", "    open('/x', 'w').close()", "return 1"])

    async def test(device):
        await device.power_cut(after=0, tear=tear)
        await device.control("set", signal="button", value=True)
        await device.restarted()

    said = run(tmp_path, test, app=app)
    assert said[:3] == ["ready", "off", "ready"]


def test_the_watchdog_resets_a_hanging_app(tmp_path):
    # It hangs once: the button is still pressed after the reset.
    hang = ["if dev.button() and not os.stat('/seen')[6]:", "    with open('/seen', 'w') as f: f.write('1')"]
    app = maker(tmp_path, ["import os", "open('/seen', 'a').close()", *hang, "    while True: pass", "return 1"])

    async def test(device):
        await device.control("set", signal="button", value=True)
        await device.restarted()
        assert device.starts == 2

    assert run(tmp_path, test, app=app, rate=8)[:3] == ["ready", "watchdog", "ready"]


def test_the_watchdog_leaves_a_manual_clock_alone(tmp_path):
    async def test(device):
        await asyncio.sleep(1.5)
        await device.control("advance", ms=60_000)
        assert (await device.control("get"))["ms"] == 60_000

    assert run(tmp_path, test, rate=0) == ["ready"]


def test_an_app_that_does_not_come_up_shows_its_console(tmp_path):
    app = tmp_path / "bad.py"
    app.write_text("print('no such pin')\nwhile True:\n    pass\n")

    async def main():
        async with Device(str(app), state_dir=tmp_path / "bad", plain=True) as device:
            with pytest.raises(HostError, match=r"(?s)does not come up.*no such pin"):
                await device.ready(timeout_s=1)

    asyncio.run(main())


def test_an_app_that_does_not_start_is_told_with_its_traceback_and_recovery_runs(tmp_path):
    app = tmp_path / "bad.py"
    app.write_text("raise ValueError('no such pin')\n")
    said = []

    async def main():
        about = {"say": lambda *event: said.append(event), "plain": True}
        async with Device(str(app), state_dir=tmp_path / "bad", **about) as device:
            await device.ready()

    asyncio.run(main())
    assert [what for what, _ in said][:2] == ["recovery", "ready"]
    assert "ValueError: no such pin" in said[0][1]


def test_a_taken_port_is_told_before_the_start(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(HostError, match=r"UDP port \d+: .*\n.*--port"):
            run(tmp_path, None, port=other.getsockname()[1])


def test_one_process_per_state_directory(tmp_path):
    async def test(device):
        with pytest.raises(HostError, match="belongs to a device that is running"):
            async with Device("kettle", state_dir=device.state_dir):
                pass

    assert run(tmp_path, test) == ["ready"]


def test_flash_and_world_survive_unless_fresh(tmp_path):
    async def heat(device):
        await device.control("set", signal="water_c", value=77)
        async with Client(*device.link) as client:
            await client.set("power", True)

    async def hot(device):
        assert (await device.control("get"))["signals"]["water_c"] > 70

    async def cold(device):
        assert (await device.control("get"))["signals"]["water_c"] == 20

    run(tmp_path, heat)
    run(tmp_path, hot)
    run(tmp_path, cold, fresh=True)


def test_control_tells_what_is_wrong(tmp_path):
    async def test(device):
        with pytest.raises(HostError, match="kettle refuses 'set': no signal lid; there are"):
            await device.control("set", signal="lid", value=1)

    run(tmp_path, test)


def test_the_control_socket_writes_config_and_spares_the_flash(tmp_path):
    async def test(device):
        async def written(**changes):
            before = (await device.control("flash"))["programs"]
            await device.control("config", changes=changes)
            return (await device.control("flash"))["programs"] > before

        assert await written(hub="127.0.0.1:1") and not await written(hub="127.0.0.1:1")
        await device.kill()
        await device.restarted()
        assert not await written(hub="127.0.0.1:1") and await written(hub="")

    run(tmp_path, test)


# The serial port


async def mpremote(device, *arguments):
    command = [peers.need("mpremote"), "connect", device.tty, *arguments]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, stdin=subprocess.DEVNULL, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.decode().replace("\r\n", "\n")


def test_mpremote_runs_code_and_copies_files(tmp_path):
    big = tmp_path / "big.txt"
    big.write_text("0123456789abcde\n" * 2000)
    copy = tmp_path / "copy.txt"

    async def test(device):
        assert await mpremote(device, "exec", "print(6 * 7)") == "42\n"
        assert "main.py" in await mpremote(device, "fs", "ls")
        await mpremote(device, "fs", "cp", str(big), ":big.txt")
        await mpremote(device, "fs", "cp", ":big.txt", str(copy))
        assert copy.read_text() == big.read_text()

    run(tmp_path, test)


def test_a_soft_reset_from_the_raw_repl_returns_there_and_the_app_does_not_run(tmp_path):
    async def test(device):
        await mpremote(device, "exec", "x = 1")
        seen = await mpremote(device, "soft-reset", "resume", "exec", "print('x' in globals())")
        assert seen == "False\n"

    assert "soft reset" in run(tmp_path, test)


def test_ctrl_c_stops_the_app_and_ctrl_d_starts_it_again(tmp_path):
    log = tmp_path / "kettle" / "console.log"

    async def printed(text):
        await soon(lambda: text in log.read_text(), log.read_text)

    async def test(device):
        with open(device.tty, "r+b", buffering=0) as port:
            port.write(b"\x03")
            await printed(">>> ")
            await asyncio.sleep(0.1)
            assert device.starts == 1
            port.write(b"print(6 * 7)\r")
            await printed("42")
            heard = b""
            while b"\r\n42\r\n>>> " not in heard:
                heard += await asyncio.to_thread(os.read, port.fileno(), 4096)
            port.write(b"\x04")
            await device.restarted()
            await printed("MPY: soft reboot\n")
            assert await causes(device) == [3]

    assert run(tmp_path, test) == ["ready", "soft reset", "ready"]


def test_ctrl_c_stops_what_does_not_read_its_console(tmp_path):
    log = tmp_path / "kettle" / "console.log"

    async def test(device):
        with open(device.tty, "r+b", buffering=0) as port:
            port.write(b"\x03")
            await soon(lambda: ">>> " in log.read_text(), log.read_text)
            port.write(b"exec('print(7 ** 20)\\nwhile True: pass')\r")
            await soon(lambda: "79792266297612001" in log.read_text(), log.read_text)
            port.write(b"\x03")
            await soon(lambda: "KeyboardInterrupt" in log.read_text().partition("79792266297612001")[2], log.read_text)

    run(tmp_path, test)


def test_the_console_log_is_rotated(tmp_path, monkeypatch):
    monkeypatch.setattr(console, "_LOG_B", 10)

    async def test(device):
        await device.kill()
        await device.restarted()

    run(tmp_path, test)
    assert (tmp_path / "kettle" / "console.log.1").exists()


# The commands on a running device


def tos(*arguments):
    return subprocess.run(["tos", *arguments], capture_output=True, text=True, timeout=100)


def test_the_commands_of_tos_dev(tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))
    seen = {}

    async def main():
        async with Device("kettle", rate=20, plain=True) as device:
            await device.ready()

            def ask():
                seen["ls"] = json.loads(tos("dev", "ls", "--wait", "0", "--json").stdout)
                assert "kettle          kettle      UNIX            up" in tos("dev", "ls", "--wait", "0").stdout
                assert "temp            20 °C\n" in tos("dev", "get", "kettle").stdout
                assert tos("dev", "get", "kettle", "temp", "--json").stdout == "20\n"
                assert json.loads(tos("dev", "get", "kettle", "--json").stdout)["power"] is False
                rows = json.loads(tos("dev", "get", "kettle", "--table", "--json").stdout)
                assert [row["path"] for row in rows] == ["boils", "temp", "power"]
                assert tos("dev", "set", "kettle", "power", "on").returncode == 0
                assert tos("dev", "get", device.address, "power").stdout.split() == ["power", "on"]
                watched = tos("dev", "watch", "kettle", "temp", "--count", "3", "--json").stdout.splitlines()
                assert len(watched) == 3 and all(json.loads(line)["temp"] >= 20 for line in watched)
                assert "201 BOOT             started, cause power on" in tos("dev", "log", "kettle").stdout
                log = json.loads(tos("dev", "log", "kettle", "--json").stdout)
                assert log["counts"]["201"] == 1 and log["crash"] is None
                refused = tos("dev", "set", "kettle", "temp", "5")
                assert refused.returncode == 1 and "332 READ_ONLY" in refused.stderr
                nonsense = tos("dev", "set", "kettle", "power", "maybe")
                assert nonsense.returncode == 2 and "on or off, not maybe" in nonsense.stderr

            await asyncio.to_thread(ask)

    asyncio.run(main())
    [row] = seen["ls"]
    assert row["name"] == "kettle" and row["up"] and row["address"].startswith("coap://127.0.0.1:")
    [row] = json.loads(tos("dev", "ls", "--wait", "0", "--json").stdout)
    off = {"id": None, "model": None, "board": None, "address": None, "up": False, "paired": None}
    assert row == {"name": "kettle", **off}


def test_tos_sim_tells_where_it_is_and_ends_with_ctrl_c(tmp_path):
    command = ["tos", "sim", "kettle", "--state", str(tmp_path / "k"), "--hub", ""]
    with running(command, cwd=desk(tmp_path)) as process:
        assert process.stdout.readline().startswith("kettle  ready  coap://127.0.0.1:")
        assert "console  /dev/" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert state.read(tmp_path / "k") is None


def test_the_heap_stays_in_one_piece(tmp_path):
    async def main():
        async with Device("kettle", state_dir=tmp_path / "kettle", plain=True) as kettle:
            await kettle.ready()
            async with Client(*kettle.link) as link:
                for n in range(120):
                    async with contextlib.aclosing(link.watch()) as states:
                        await anext(states)
                        await link.set("power", n % 2 == 0)
                        await link.log()
                heap, log = await kettle.control("heap"), await link.log()
            assert heap["largest_b"] > heap["free_b"] // 2, (kettle.starts, heap, log.counts)

    asyncio.run(main())
