"""`tos flash`: what it refuses, what it keeps, what a pulled cable leaves, and a board that shows its pairing code."""

import asyncio
import json
import random
import stat
import subprocess

import cbor2
import chipware
import pytest
from click.testing import CliRunner
from desk import desk
from littlefs import LittleFS, UserContext
from newboard import console, in_download_mode, kettle, with_chip
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo
from tosplus.build.report import Report
from tosplus.cli import cli
from tosplus.errors import HostError, Unreachable, UsageFault
from tosplus.flash import port, put
from tosplus.flash.connection import Connection
from tosplus.flash.contents import of_app, of_image
from tosplus.link import pairing_code
from tosplus.sim.rom.boot import check
from tosplus.sim.rom.chips import CHIPS
from tosplus.sim.rom.nor import Nor, PowerCut

CODE = "tos:v1:kettle-c0ffee:ABCD-EFGH"
OWN = {"config.rec": b"ssid and password", "state.rec": bytes(5000), "notes/mine.txt": b"mine"}
OLD = {"boot.py": b"# old", "main.py": b"print('old')", "old/gone.mpy": b"M gone", **OWN}
NEW = {"boot.py": b"# new", "main.py": b"print('new')", "lib/new.mpy": b"M" * 9000, "notes/mine.txt": b"the image's"}


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))


@pytest.fixture
def roomy(monkeypatch):
    """What an app costs is test_build's affair."""
    monkeypatch.setattr(Report, "check_budget", lambda report: None)


@pytest.fixture
def image(tmp_path):
    def write(chip="esp32", files=NEW, app_b=30000):
        path = tmp_path / f"{chip}.bin"
        path.write_bytes(chipware.merged(chip, files, app_b))
        return path

    return write


class Bench:
    """In the place of a Connection: it does at once what esptool does over a line, in the same order."""

    mac = "24:0a:c4:c0:ff:ee"

    def __init__(self, nor, mcu="esp32"):
        self.nor = nor
        self.mcu = self.name = mcu
        self.flash_b = nor.size_b

    def read(self, offset, size):
        return self.nor.read(offset, size)

    def erase_all(self):
        self.erase(0, self.flash_b)

    def erase(self, offset, size):
        try:
            self.nor.erase(offset, size)
        except PowerCut:
            raise Unreachable("the connection ended in the middle of erasing")

    def write(self, parts, what):
        for offset, data in parts:
            if self.nor.read(offset, len(data)) != data:
                self.erase(offset, len(data))
                try:
                    self.nor.program(offset, data)
                except PowerCut:
                    raise Unreachable(f"the connection ended in the middle of writing {what}")


def new_board(tmp_path, content=b"", name="flash.bin", chip="esp32"):
    nor = Nor(tmp_path / name, CHIPS[chip].flash_mb << 20)
    nor.erase(0, nor.size_b)
    nor.program(0, content)
    return Bench(nor, chip)


def files_on(board):
    region = bytearray(board.nor.read(*chipware.VFS))
    fs = LittleFS(UserContext(buffer=region), block_size=4096, block_count=len(region) // 4096)
    paths = [f"{folder}/{name}".lstrip("/") for folder, _, names in fs.walk("/") for name in names]
    found = {}
    for path in paths:
        with fs.open(path, "rb") as file:
            found[path] = file.read()
    return found


# What is kept


@pytest.mark.parametrize("chip", list(CHIPS))
def test_a_new_board_gets_firmware_and_files(tmp_path, image, chip):
    board = new_board(tmp_path, chip=chip)
    done = put.put(of_image(image(chip)), board, erase_all=False)
    assert done.own == [] and files_on(board) == NEW
    assert check(board.nor, CHIPS[chip]).label == "vfs"


def test_what_the_board_has_of_its_own_stays(tmp_path, image):
    flash = bytearray(chipware.merged("esp32", OLD, 20000))
    settings = random.Random(1).randbytes(chipware.NVS[1])
    flash[chipware.NVS[0] : sum(chipware.NVS)] = settings
    board = new_board(tmp_path, bytes(flash))
    path = image()
    new = bytearray(path.read_bytes())
    new[chipware.NVS[0] : sum(chipware.NVS)] = bytes(chipware.NVS[1])  # an image may have some of its own
    path.write_bytes(new)
    done = put.put(of_image(path), board, erase_all=False)
    # Code is replaced, also where it is gone; of what is not code, the board's own comes first.
    assert files_on(board) == {**NEW, **OWN}
    assert done.own == sorted(OWN)
    assert board.nor.read(*chipware.NVS) == settings
    assert not list((tmp_path / ".tos/flash").iterdir())


def test_erase_all_leaves_nothing(tmp_path, image):
    flash = bytearray(chipware.merged("esp32", OLD))
    flash[chipware.NVS[0] : sum(chipware.NVS)] = bytes(chipware.NVS[1])
    board = new_board(tmp_path, bytes(flash))
    assert put.put(of_image(image()), board, erase_all=True).own == []
    assert files_on(board) == NEW
    assert set(board.nor.read(*chipware.NVS)) == {0xFF}
    assert b"ssid and password" not in board.nor.read(0, board.flash_b)


def test_a_file_system_that_cannot_be_read_is_not_overwritten_unasked(tmp_path, image):
    flash = bytearray(chipware.merged("esp32", OLD))
    flash[chipware.VFS[0] : chipware.VFS[0] + 0x2000] = random.Random(2).randbytes(0x2000)
    board = new_board(tmp_path, bytes(flash))
    operations = board.nor.operations
    with pytest.raises(HostError, match="nothing was written\n--erase-all"):
        put.put(of_image(image()), board, erase_all=False)
    assert board.nor.operations == operations


def test_firmware_that_keeps_its_settings_elsewhere_is_refused(tmp_path, image, monkeypatch):
    board = new_board(tmp_path, chipware.merged("esp32", OLD))
    monkeypatch.setattr(chipware, "NVS", (0x9000, 0x4000))
    other = of_image(image())
    with pytest.raises(HostError, match="lose its keys; nothing was written\n--erase-all"):
        put.put(other, board, erase_all=False)
    put.put(other, board, erase_all=True)


def test_a_file_system_that_moves_takes_the_boards_own_with_it(tmp_path, image, monkeypatch):
    board = new_board(tmp_path, chipware.merged("esp32", OLD))
    monkeypatch.setattr(chipware, "VFS", (0x280000, 0x180000))
    put.put(of_image(image()), board, erase_all=False)
    assert files_on(board) == {**NEW, **OWN}


# What is refused


def test_an_image_for_another_chip_is_refused(tmp_path, image):
    board = new_board(tmp_path)
    operations = board.nor.operations
    with pytest.raises(HostError, match=r"esp32s3.bin is for ESP32-S3, and this is an esp32; nothing was written"):
        put.put(of_image(image("esp32s3")), board, erase_all=False)
    assert board.nor.operations == operations


def test_an_image_for_more_flash_is_refused(tmp_path, image):
    board = new_board(tmp_path)
    board.flash_b = 2 << 20
    with pytest.raises(HostError, match="is for 4 MB of flash, and this board has 2 MB"):
        put.put(of_image(image()), board, erase_all=True)


def test_every_truncation_and_damage_of_an_image_is_refused(tmp_path, image):
    path = image()
    whole = path.read_bytes()
    for end in [0, 1, 0xFFF, 0x1005, 0x100E, 0x3000, 0x8001, 0x8030, 0x8080, 0x10000, 0x10010, 0x14000]:
        path.write_bytes(whole[:end])
        with pytest.raises(HostError, match=r"esp32\.bin: "):
            of_image(path)
    noise = random.Random(3)
    for start, size in ((0x1000, 4000), (0x8000, 160), (0x10000, 30000), (chipware.VFS[0], 12)):
        for _ in range(15):
            damaged = bytearray(whole)
            for copy in (0, 0x1000) if start == chipware.VFS[0] else (0,):  # littlefs has its head twice
                damaged[start + copy + noise.randrange(size)] ^= 1 << noise.randrange(8)
            path.write_bytes(damaged)
            with pytest.raises(HostError, match=r"esp32\.bin: "):
                of_image(path)
    with pytest.raises(HostError, match="No such file"):
        of_image(tmp_path / "none.bin")


def test_an_app_goes_with_stock_firmware_and_then_upon_it(tmp_path, roomy):
    file = tmp_path / "chipware.bin"
    offset, data = chipware.firmware("esp32")
    file.write_bytes(data)
    board = new_board(tmp_path)
    with pytest.raises(HostError, match=r"no MicroPython on this board yet.*--firmware FILE"):
        put.put(of_app("kettle", "ESP32_GENERIC", None), board, erase_all=False)
    contents = of_app("kettle", "ESP32_GENERIC", file)
    put.put(contents, board, erase_all=False)
    assert files_on(board) == contents.files and "a/lib/tos/ports/esp32/radio.mpy" in contents.files
    assert board.nor.read(offset, 0x6000) == data[:0x6000]
    done = put.put(of_app("lamp", "ESP32_GENERIC", None), board, erase_all=False)
    assert files_on(board)["a/app.mpy"] != contents.files["a/app.mpy"]
    assert all(at >= chipware.VFS[0] or at == 0x8000 for at, _ in done.written)
    with pytest.raises(HostError, match="--erase-all erases the firmware too"):
        put.put(of_app("lamp", "ESP32_GENERIC", None), board, erase_all=True)
    check(board.nor, CHIPS["esp32"])


def test_an_app_beyond_the_boards_budget_is_refused(monkeypatch):
    monkeypatch.setattr(Report, "rest_b", 140_000)
    with pytest.raises(HostError, match="needs too much heap for ESP32_GENERIC"):
        of_app("kettle", "ESP32_GENERIC", None)


def test_stock_firmware_for_another_chip_is_refused(tmp_path, roomy):
    file = tmp_path / "chipware.bin"
    file.write_bytes(chipware.firmware("esp32c3")[1])
    with pytest.raises(HostError, match="it is for ESP32-C3"):
        of_app("kettle", "ESP32_GENERIC_S3", file)
    with pytest.raises(UsageFault, match="UNIX is no chip"):
        of_app("kettle", "UNIX", file)


# Cables


def test_a_cable_pulled_anywhere_costs_nothing(tmp_path, image):
    contents = of_image(image(app_b=9000))
    before = chipware.merged("esp32", OLD, 8000)
    board = new_board(tmp_path, before)
    began = board.nor.operations
    put.put(contents, board, erase_all=False)
    count = board.nor.operations - began
    first, last = range(20), range(count - 20, count)
    for number in sorted({*first, *range(20, count, 9), *last}):
        board.nor.erase(0, board.flash_b)
        board.nor.program(0, before)
        board.nor.cut_after = number
        with pytest.raises(Unreachable, match=r"can be flashed again.*\.tos/flash/240ac4c0ffee\.cbor"):
            put.put(contents, board, erase_all=False)
        done = put.put(contents, board, erase_all=False)
        assert done.own == sorted(OWN), number
        assert files_on(board) == {**NEW, **OWN}
        check(board.nor, CHIPS["esp32"])
    assert not list((tmp_path / ".tos/flash").iterdir())


def test_a_board_that_was_not_finished_does_not_start(tmp_path, image):
    board = new_board(tmp_path, chipware.merged("esp32", OLD, 8000))
    board.nor.cut_after = 60
    with pytest.raises(Unreachable):
        put.put(of_image(image()), board, erase_all=False)
    with pytest.raises(Exception, match="flash_parts"):
        check(board.nor, CHIPS["esp32"])


def test_what_is_kept_meanwhile_is_for_nobody_else_and_for_that_board_only(tmp_path, image):
    board = new_board(tmp_path, chipware.merged("esp32", OLD, 8000))
    board.nor.cut_after = 60
    with pytest.raises(Unreachable) as caught:
        put.put(of_image(image()), board, erase_all=False)
    (path,) = (tmp_path / ".tos/flash").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert cbor2.loads(path.read_bytes()) == OWN
    assert "ssid" not in str(caught.value)
    other = new_board(tmp_path, name="other.bin")
    other.mac = "24:0a:c4:00:00:01"
    assert put.put(of_image(image()), other, erase_all=False).own == []
    # A board that has lived on since knows better than what was kept.
    finished = new_board(tmp_path, chipware.merged("esp32", {"boot.py": b"", "config.rec": b"later"}), "later.bin")
    assert put.put(of_image(image()), finished, erase_all=False).own == ["config.rec"]
    assert files_on(finished)["config.rec"] == b"later"


# Ports


def usb(device, product):
    found = ListPortInfo(device)
    found.vid, found.pid, found.product = 0x10C4, 0xEA60, product
    return found


def test_the_only_board_is_taken_and_several_are_asked_about(monkeypatch, image):
    built_in = usb("/dev/ttyS0", None)
    built_in.vid = None
    there = [built_in]
    monkeypatch.setattr(list_ports, "comports", lambda: there)
    with pytest.raises(HostError, match="there is no board on USB"):
        port.only(port.ports())
    there.append(usb("/dev/none1", "CP2102N"))
    assert port.only(port.ports()) == "/dev/none1"
    there.append(usb("/dev/none0", "USB JTAG"))
    arguments = ["flash", str(image())]
    asked = CliRunner().invoke(cli, arguments, input="2\n")
    assert "1  /dev/none0  USB JTAG\n2  /dev/none1  CP2102N\n" in asked.output
    assert "there is no port /dev/none1; there are /dev/none0, /dev/none1" in asked.output and asked.exit_code == 2
    assert "name one with --port" in CliRunner().invoke(cli, [*arguments, "--json"]).output


def test_an_image_takes_neither_board_nor_firmware(image):
    refused = CliRunner().invoke(cli, ["flash", str(image()), "--board", "ESP32_GENERIC"])
    assert "an image has its firmware in it" in refused.output and refused.exit_code == 2


class Said:
    """A console on which all of it has been said."""

    def __init__(self, said):
        self.said = said

    @property
    def in_waiting(self):
        return 3

    def read(self, size):
        taken, self.said = self.said[:size], self.said[size:]
        return taken


def test_the_console_is_read_until_the_code_comes():
    assert put.pairing_code(Said(b"boot\r\nPairing code: " + CODE.encode() + b"\r\nmore"), 1) == CODE
    assert put.pairing_code(Said(b"boot\r\nPairing code: tos:v1:x"), 0.05) is None  # the rest has not come yet
    assert put.pairing_code(Said(b""), 0.05) is None
    with pytest.raises(HostError, match="does not start: invalid header: 0xffffffff"):
        put.pairing_code(Said(b"rst:0x1\r\ninvalid header: 0xffffffff\r\n"), 1)


# With the real esptool


def tos_flash(*arguments):
    return subprocess.run(["tos", "flash", *map(str, arguments)], capture_output=True, text=True, timeout=280)


def test_from_a_new_board_to_its_pairing_code(tmp_path, image):
    path = image("esp32", kettle(), 200_000)

    async def test(device):
        done = await asyncio.to_thread(tos_flash, path, "--port", device.serial, "--json")
        assert done.returncode == 0, done.stderr
        outcome = json.loads(done.stdout)
        assert (outcome["chip"], outcome["kept"]) == ("esp32", [])
        assert pairing_code.parse(outcome["pairing_code"]).device_id.startswith("kettle-")
        await device.ready()

    with_chip(tmp_path, "esp32", test, plain=False)


def test_without_reset_lines_somebody_is_asked_to_press_the_button(tmp_path, image):
    path = image("esp32c3", {**kettle(), "boot.py": f"print('Pairing code: {CODE}')\n".encode()})

    async def test(device):
        unprepared = await asyncio.to_thread(tos_flash, path, "--port", device.tty)
        assert unprepared.returncode == 3 and "Hold BOOT" in unprepared.stderr
        await in_download_mode(device)
        said = tmp_path / "said"
        with open(said, "w") as out:
            flashing = subprocess.Popen(["tos", "flash", str(path), "--port", device.tty], stdout=out)
            while "Press the board's RESET button" not in said.read_text() and flashing.poll() is None:
                await asyncio.sleep(0.05)
            device.rom.reset()
            assert await asyncio.to_thread(flashing.wait, 100) == 0
        assert f"Pairing code: {CODE}\nGive it Wi-Fi: tos provision --port {device.tty}" in said.read_text()

    with_chip(tmp_path, "esp32c3", test)


def test_a_flash_chip_that_does_not_keep_what_is_written_is_told(tmp_path, image):
    path = image(files=NEW)

    async def test(device):
        await in_download_mode(device)
        nor = device.rom.nor
        program = nor.program
        nor.program = lambda offset, data: program(offset, data[:-1] + b"\0" if offset == 0x10000 else data)
        done = await asyncio.to_thread(tos_flash, path, "--port", device.tty)
        assert done.returncode == 3 and "MD5" in done.stderr and "can be flashed again" in done.stderr

    with_chip(tmp_path, "esp32", test)


def test_a_cable_pulled_while_esptool_writes(tmp_path, image):
    path = image(files=NEW)

    async def test(device):
        nor = device.rom.nor
        nor.program(0, chipware.merged("esp32", OLD, 8000))
        await in_download_mode(device)
        nor.cut_after = 50
        done = await asyncio.to_thread(tos_flash, path, "--port", device.tty)
        assert done.returncode == 3 and "in the middle of writing the firmware" in done.stderr, done.stderr
        assert "Plug it in and run the same command here" in done.stderr.replace("\n", " ")
        device.plug()
        await in_download_mode(device)
        connecting = port.open_port(device.tty)
        connection = await asyncio.to_thread(Connection, connecting, lambda *progress: None)
        done = await asyncio.to_thread(put.put, of_image(path), connection, False)
        await asyncio.to_thread(Connection, connecting, lambda *progress: None)  # and again, in the same process
        connecting.close()
        assert done.own == sorted(OWN)
        assert files_on(Bench(nor)) == {**NEW, **OWN}
        assert b"waiting for download" in console(device)

    with_chip(tmp_path, "esp32", test)
