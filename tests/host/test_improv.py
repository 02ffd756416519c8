"""Improv over a device's serial port, by improv-wifi-serial-sdk in Node and by nobody's client: bytes."""

import asyncio
import json
import subprocess
from pathlib import Path

import chipware
import peers
import pytest
import wifi
from newboard import console, kettle, with_chip
from tosplus.link.client import Client
from tosplus.sim.device import Device
from tosplus.sim.process import micropython
from wifi import DO_NOT_WORK, WIDE_SSID, WORK, WRONG_PASSWORD, joined, told

WEB = Path(__file__).parents[1] / "web"
AROUND = (*wifi.AROUND, {"ssid": "home", "password": "right one", "rssi_dbm": -60, "bssid": "upstairs"})
READY, PROVISIONED = 2, 4


@pytest.fixture(scope="session")
def node():
    """Node, with the packages of tests/web."""
    peers.need_web()
    return peers.need("node")


class Sdk:
    """The client of browsers, on this device's serial port."""

    def __init__(self, process):
        self._process = process
        self.about = None

    async def ask(self, *step):
        """-> what the method returns; RuntimeError with what the client says."""
        self._process.stdin.write(json.dumps(step).encode() + b"\n")
        answer = json.loads(await asyncio.wait_for(self._process.stdout.readline(), 100))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    async def refused(self, *step):
        try:
            value = await self.ask(*step)
        except RuntimeError as e:
            return str(e)
        raise AssertionError(value)


def clients(node, tmp_path, test, app="kettle", rate=20):
    """Run test(device, sdk)."""

    async def main():
        async with Device(
            app, state_dir=tmp_path / "den" / "it", rate=rate, access_points=AROUND, plain=True
        ) as device:
            await device.ready()
            process = await asyncio.create_subprocess_exec(
                *(node, "improv.mjs", device.tty), cwd=WEB, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            try:
                sdk = Sdk(process)
                sdk.about = await sdk.ask("initialize", 10000)
                await test(device, sdk)
            finally:
                process.kill()
                await process.wait()

    asyncio.run(main())


def packet(data):
    """An RPC command, by the standard's table."""
    body = b"IMPROV\x01\x03" + bytes((len(data),)) + data
    return body + bytes((sum(body) & 255,))


def settings(ssid, password):
    data = bytes((len(ssid),)) + ssid + bytes((len(password),)) + password
    return packet(bytes((1, len(data))) + data)


def test_a_client_learns_who_it_is_and_what_is_around(node, tmp_path):
    async def test(device, sdk):
        assert [sdk.about[key] for key in ("firmware", "version", "chipFamily")] == ["kettle", "0.1.0", "UNIX"]
        assert sdk.about["name"].startswith("kettle-")
        assert await sdk.ask("state") == READY
        assert await sdk.ask("scan") == [
            {"name": WIDE_SSID, "rssi": -70, "secured": True},
            {"name": "broken", "rssi": -80, "secured": True},
            {"name": "cafe", "rssi": -40, "secured": False},
            {"name": "home", "rssi": -50, "secured": True},
        ]
        for optional in ("getHostname", "requestNetworkState"):
            assert await sdk.refused(optional) == "UNKNOWN_RPC_COMMAND"

    clients(node, tmp_path, test)


@pytest.mark.parametrize(("ssid", "password"), WORK, ids=["home", "open", "hidden", "wide"])
def test_a_network_that_works_is_kept_over_a_power_cut(node, tmp_path, ssid, password):
    async def test(device, sdk):
        await sdk.ask("provision", ssid, password)
        assert await sdk.ask("state") == PROVISIONED
        await device.kill()
        await device.restarted()
        await joined(device, ssid)

    clients(node, tmp_path, test)
    log = (tmp_path / "den" / "it" / "console.log").read_bytes()
    assert not password or password.encode() not in log


@pytest.mark.parametrize(("ssid", "password", "reason"), DO_NOT_WORK)
def test_a_network_that_does_not_work_is_refused_with_its_reason_and_not_kept(node, tmp_path, ssid, password, reason):
    async def test(device, sdk):
        assert await sdk.refused("provision", ssid, password) == "UNABLE_TO_CONNECT"
        assert await told(device) == (1, [], [reason])
        assert await sdk.ask("state") == READY
        await sdk.ask("provision", "home", "right one")  # straight after
        assert await told(device) == (3, ["home"], [reason])

    clients(node, tmp_path, test)


def test_a_refused_network_takes_nothing_away(node, tmp_path):
    async def test(device, sdk):
        await sdk.ask("provision", "home", "right one")
        await sdk.refused("provision", "home", "wrong one")
        await joined(device, "home")
        assert await told(device) == (3, ["home"], [WRONG_PASSWORD])

    clients(node, tmp_path, test)


def test_a_transfer_that_is_cut_is_forgotten_after_three_seconds(node, tmp_path):
    async def test(device, sdk):
        whole = settings(b"home", b"right one")
        for n in (7, 9, 20, len(whole) - 1):
            await sdk.ask("bytes", whole[:n].hex())
            await asyncio.sleep(0.3)  # 6 s of the device
        await sdk.ask("provision", "home", "right one")
        assert await told(device) == (3, ["home"], [])

    clients(node, tmp_path, test)


def test_a_damaged_packet_is_answered_and_the_next_one_counts(node, tmp_path):
    async def test(device, sdk):
        whole = bytearray(settings(b"home", b"right one"))
        whole[12] ^= 1
        await sdk.ask("bytes", whole.hex())
        await sdk.ask("bytes", packet(b"\x01\x05home").hex())
        assert (await told(device))[1] == []
        await asyncio.sleep(0.3)  # the client takes any error for an answer to what it asks next
        await sdk.ask("provision", "home", "right one")
        async with Client(*device.link) as client:
            counts = (await client.log()).counts
        assert counts[380] == counts[379] == 1

    clients(node, tmp_path, test)


def test_what_an_app_prints_gets_in_nobodys_way(node, tmp_path):
    app = tmp_path / "loud.py"
    app.write_text(
        "from tos import App\n"
        "app = App('loud')\n"
        "@app.read('n', period_ms=100)\n"
        "def n(dev):\n"
        "    print('a line')\n"
        "    print('half a line: IMPROV', end='')\n"
        "    return 1\n"
    )

    async def test(device, sdk):
        for _ in range(3):
            assert len(await sdk.ask("scan")) == 4
        assert await sdk.refused("provision", "home", "wrong one") == "UNABLE_TO_CONNECT"
        await sdk.ask("provision", "home", "right one")
        assert await sdk.ask("state") == PROVISIONED

    clients(node, tmp_path, test, app=str(app))


def test_a_client_that_asks_while_the_device_starts_does_not_stop_it(tmp_path):
    async def main():
        state = tmp_path / "den" / "kettle"
        async with Device("kettle", state_dir=state, access_points=AROUND, plain=True) as device:
            await device.ready()
            with open(device.tty, "r+b", buffering=0) as port:

                def started():
                    return (state / "console.log").read_bytes().count(b" 201 ")

                for _ in range(3):
                    before = started()
                    await device.kill()
                    while started() == before:
                        await asyncio.sleep(0)
                    port.write(packet(b"\x02\x00"))
                    await device.restarted()
            assert b" 205 " not in (state / "console.log").read_bytes()

    asyncio.run(asyncio.wait_for(main(), 240))


def test_a_client_that_asks_before_main_py_has_the_board_does_not_stop_it(tmp_path, monkeypatch):
    """What runs first is made to wait for a packet: the firmware's start, boot.py's first import, and main.py's."""
    asked = packet(b"\x02\x00") + b"\n"
    waits = f"import sys\nprint('here')\nassert sys.stdin.buffer.read({len(asked)}) == {asked}\nfrom %s import *\n"
    files = kettle()
    del files["a/~slot"]  # what runs is recovery, whose files are not compared with a hash
    for name in ("slots", "r/board"):
        files[f"{name}_.mpy"] = files.pop(f"{name}.mpy")
        files[f"{name}.py"] = (waits % (Path(name).name + "_")).encode()
    starting = tmp_path / "micropython"
    starting.write_text(f'#!/bin/sh\necho here; read -r packet; exec {micropython()} "$@"\n')
    starting.chmod(0o755)
    monkeypatch.setenv("MICROPYTHON", str(starting))

    async def test(device):
        device.rom.nor.program(0, chipware.merged("esp32", files))
        device.rom.reset()
        with open(device.tty, "r+b", buffering=0) as port:
            for n in (1, 2, 3):
                while (said := console(device)).count(b"here\n") < n:
                    assert b">>> " not in said
                    await asyncio.sleep(0.01)
                port.write(asked)
        await device.ready()

    with_chip(tmp_path, "esp32", test)


def test_ctrl_c_is_data_in_a_packet_and_stops_the_app_outside(tmp_path):
    async def main():
        state = tmp_path / "den" / "kettle"
        async with Device("kettle", state_dir=state, access_points=AROUND, plain=True) as device:
            await device.ready()

            def printed():
                return (state / "console.log").read_bytes()

            with open(device.tty, "r+b", buffering=0) as port:
                port.write(settings(b"\x03\x03", b"\x03\x03\x03"))
                while b" 381 " not in printed():
                    await asyncio.sleep(0.01)
                assert b">>> " not in printed()
                port.write(b"IMPR\x03")
                while b">>> " not in printed():
                    await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 240))
