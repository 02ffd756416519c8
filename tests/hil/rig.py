"""A rig: one device under test and what is wired around it. Simulated, or as bench.toml says. pytest."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path

import chipware
import peers
from newboard import kettle
from tosplus.errors import Unreachable
from tosplus.flash.port import open_port
from tosplus.link import discover
from tosplus.link.client import Client
from tosplus.link.pairing_code import parse
from tosplus.sim.device import Device

CAPABILITIES = {
    "wifi": "there is an access point, and its password is known",
    "ble": "a Bluetooth adapter is near",
    "nfc": "a card or a reader is in the field",
    "flash": "the board may be erased and flashed anew",
    "reset": "DTR and RTS reach the board's reset circuit",
    "power": "its supply can be switched",
    "pins": "its outputs are read and its buttons pressed",
}
_WEB = Path(__file__).parents[1] / "web"
_START_S = 60
_READY = re.compile(r"^tos \d+ 202 .*\n", re.MULTILINE)
CODE = re.compile(r"^Pairing code: (\S+)\r?\n", re.MULTILINE)


class Rig:
    """What a test may ask of any rig. about: its table in bench.toml.

    port: for mpremote and other programs. serial: for pyserial, with DTR and RTS where the rig has "reset".
    """

    port = serial = ""

    def __init__(self, about):
        self.name, self.has = about["name"], frozenset(about.get("has", ()))
        self.about = about

    def boots(self):
        """Its reset button -> what it says until it is ready."""
        with open_port(self.serial) as line:
            line.dtr, line.rts = False, True
            time.sleep(0.1)
            line.rts = False
            return _until(line, _READY)

    def starts(self):
        """What it says until it is ready, when something else has made it start."""
        with open_port(self.serial) as line:
            return _until(line, _READY)

    def says_code(self, doing):
        """What it says once doing() is done, up to a pairing code."""
        with open_port(self.serial) as line:
            doing()
            return _until(line, CODE)

    def soft_reset(self):
        """Ctrl-C and Ctrl-D, as a maker types them -> what it says until it is ready."""
        with open_port(self.serial) as line:
            line.write(b"\x02\x03")
            time.sleep(1)
            line.reset_input_buffer()
            line.write(b"\x04")
            return _until(line, _READY)

    def code(self):
        """Its pairing code; it says one for as long as it has no owner."""
        return CODE.search(self.boots())[1]

    def mpremote(self, *arguments):
        command = [peers.need("mpremote"), "connect", self.port, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=100)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.replace("\r\n", "\n")

    def leaves(self, code):
        """Starts the board, stops its app, and has it run this, which ends in a reset of some kind."""
        self.boots()
        self.mpremote("resume", "exec", "--no-follow", code)

    def improv(self, *step):
        """One step of improv-wifi-serial-sdk, see web/improv.mjs -> its answer, {"value"} or {"error"}."""
        peers.need_web()
        subprocess.run(["stty", "-F", self.port, "115200", "raw", "-echo"], check=True)
        command = [peers.need("node"), "improv.mjs", self.port]
        with subprocess.Popen(command, cwd=_WEB, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                for each in (("initialize", 10_000), step):
                    process.stdin.write(json.dumps(each) + "\n")
                    process.stdin.flush()
                    answer = json.loads(process.stdout.readline())
                return answer
            finally:
                process.kill()  # its read of the port would keep it

    def ask(self, test, code, store=None):
        """-> test(client)'s result, once the device is there; secured with what the store has for it."""
        id = parse(code).device_id

        async def main():
            deadline = time.monotonic() + _START_S
            while True:
                credentials = store.credentials(id) if store else None
                try:
                    async with Client(*await self.address(id), credentials=credentials) as client:
                        return await test(client)
                except Unreachable:
                    if time.monotonic() > deadline:
                        raise

        return asyncio.run(main())

    def flash_it(self, *arguments):
        command = ["tos", "flash", *arguments, "--port", self.serial, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class Simulated(Rig):
    """A board with a simulated chip, onto which the app was flashed; its pins and its supply are the simulator's."""

    wifi = ("home", "right one")

    def __init__(self, about, folder):
        super().__init__(about)
        ssid, password = self.wifi
        around = ({"ssid": ssid, "password": password, "rssi_dbm": -50},)
        self._image = folder / "merged.bin"
        self._device = Device("kettle", state_dir=folder / "hil/board", chip="esp32", access_points=around)

    @contextlib.contextmanager
    def running(self):
        self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        device = self._device
        try:
            self._image.write_bytes(chipware.merged("esp32", kettle()))
            self._call(device.__aenter__())
            self.port, self.serial = device.tty, device.serial
            try:
                self._call(self._begin())
                yield
            finally:
                self._call(device.__aexit__(None, None, None))
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()

    async def address(self, id):
        return self._device.link

    def flash(self):
        return self.flash_it(str(self._image))

    def power(self, on):
        if on:
            self._loop.call_soon_threadsafe(self._device.plug)
        else:
            self._call(self._device.unplug())

    def pin(self, name):
        return self._call(self._device.control("get"))["signals"][name]

    def press(self, name, ms):
        self._call(self._device.press(name, ms))

    async def _begin(self):
        self._device.rom.nor.program(0, self._image.read_bytes())
        self._device.rom.reset()
        await self._device.ready()

    def _call(self, doing):
        return asyncio.run_coroutine_threadsafe(doing, self._loop).result(60)


class Board(Rig):
    """A board on a port. What is wired around it answers to the commands in bench.toml."""

    def __init__(self, about, folder):
        super().__init__(about)
        self.port = self.serial = about["device"]
        if "wifi" in self.has:
            self.wifi = (about["wifi"]["ssid"], os.environ[about["wifi"]["password_env"]])

    @contextlib.contextmanager
    def running(self):
        if "flash" in self.has:
            self.flash_it(*self.about["flash"]["first"])
        elif "reset" in self.has:
            assert CODE.search(self.boots()), f"{self.name} has an owner: hold its button for ten seconds"
        yield

    async def address(self, id):
        found = await discover.find(id, 10)
        if not found:
            raise Unreachable(f"{id} is not heard of on this network")
        return found

    def flash(self):
        return self.flash_it(*self.about["flash"]["again"])

    def power(self, on):
        self._do("power", "on" if on else "off")

    def pin(self, name):
        return self._do("pins", name).strip() in ("1", "True")

    def press(self, name, ms):
        self._do("pins", f"{name}_down")
        time.sleep(ms / 1000)
        self._do("pins", f"{name}_up")

    def _do(self, what, which):
        command = self.about[what][which]
        return subprocess.run(command, shell=True, check=True, capture_output=True, text=True, timeout=30).stdout


def _until(line, pattern):
    said = ""
    deadline = time.monotonic() + _START_S
    line.timeout = 0.05
    while not pattern.search(said.replace("\r", "")):
        assert time.monotonic() < deadline, f"no {pattern.pattern!r}; it says:\n{said}"
        said += line.read(256).decode(errors="replace")
    return said.replace("\r", "")
