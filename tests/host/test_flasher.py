"""What is flashed: the file system, the merged image and the page, with the readers that will meet them."""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import peers
import pytest
import stock
from desk import desk
from esptool import image_info
from esptool.bin_image import LoadFirmwareImage
from littlefs import LittleFS, UserContext
from mp_image_tool_esp32.partition_table import PartitionTable
from tosplus.build import board as boards
from tosplus.build import firmware, flasher, image
from tosplus.build.product import build
from tosplus.errors import HostError, UsageFault
from tosplus.sim.process import micropython

ROOT = Path(__file__).parents[2]
MB = 1 << 20
CHIPS = {
    "ESP32_GENERIC": ("esp32", "ESP32", 0x1000, 4),
    "ESP32_GENERIC_S3": ("esp32s3", "ESP32-S3", 0, 8),
    "ESP32_GENERIC_C3": ("esp32c3", "ESP32-C3", 0, 4),
}
NEWER = stock.TABLE  # without a partition vfs: the firmware takes what the flash has left
FROZEN = ["a/app.mpy", "boot.py", "main.py", "r/app.mpy", "r/slots.mpy", "slots.mpy"]


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))


def stock_file(folder, mcu, **how):
    file = folder / f"{mcu}.bin"
    file.write_bytes(stock.firmware(mcu, **how))
    return file


def flashed(folder, board="ESP32_GENERIC", app="kettle"):
    mcu, _, _, mb = CHIPS[board]
    report = build(app, board)
    written = flasher.write(report, folder / "flash", stock_file(folder, mcu, table=NEWER), None)
    return report, {file.name: file.read_bytes() for file in written}


def files_of(vfs):
    """{path: content} as littlefs-python reads it, of its own accord and with its own settings."""
    fs = LittleFS(UserContext(buffer=bytearray(vfs)), block_size=4096, block_count=len(vfs) // 4096, mount=True)
    return {
        f"{folder}/{name}".lstrip("/"): fs.open(f"{folder}/{name}", "rb").read()
        for folder, _, names in fs.walk("/")
        for name in names
    }


MOUNT = """
import os, sys, vfs
class Flash:
    def __init__(self):
        with open(sys.argv[1], "rb") as file:
            file.seek(int(sys.argv[2]))
            self.data = bytearray(file.read())
    def readblocks(self, block, buf, offset=0):
        at = block * 4096 + offset
        buf[:] = self.data[at : at + len(buf)]
    def writeblocks(self, block, buf, offset=0):
        raise OSError(30)
    def ioctl(self, op, arg):
        return {4: len(self.data) // 4096, 5: 4096}.get(op, 0)
import hashlib
vfs.mount(vfs.VfsLfs2(Flash()), "/flash")
def show(folder):
    for name, kind, *_ in sorted(os.ilistdir(folder)):
        path = folder + "/" + name
        if kind == 0x4000:
            show(path)
        else:
            print(path[7:], hashlib.sha256(open(path, "rb").read()).digest().hex())
show("/flash")
"""


@pytest.mark.parametrize("board", CHIPS)
def test_the_merged_image_holds_firmware_and_file_system_where_the_chip_looks(tmp_path, board):
    mcu, family, offset, mb = CHIPS[board]
    report, files = flashed(tmp_path, board)
    merged = files["merged.bin"]
    stock_bin = (tmp_path / f"{mcu}.bin").read_bytes()
    assert len(merged) == mb * MB
    assert merged[:offset] == b"\xff" * offset and merged[offset : offset + len(stock_bin)] == stock_bin
    assert set(merged[offset + len(stock_bin) : 2 * MB]) == {0xFF}
    assert merged[2 * MB :] == files["vfs.bin"]

    # The readers: esptool for both images, another for the table, and MicroPython's own littlefs at its place.
    image_info(merged[offset:], chip=mcu)
    loaded = LoadFirmwareImage(mcu, merged[0x10000:])
    assert loaded.checksum == loaded.calculate_checksum() and loaded.stored_digest == loaded.calc_digest
    assert [part.name for part in PartitionTable.from_bytes(merged[0x8000:0x9000])] == ["nvs", "phy_init", "factory"]
    tree = {
        path.relative_to(report.out).as_posix(): path.read_bytes() for path in report.out.rglob("*") if path.is_file()
    }
    assert files_of(files["vfs.bin"]) == tree and "a/lib/tos/app.mpy" in tree
    (tmp_path / "merged").write_bytes(merged)
    run = subprocess.run(
        [micropython(), "-X", "heapsize=24M", "-c", MOUNT, str(tmp_path / "merged"), str(2 * MB)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    seen = dict(line.split() for line in run.stdout.splitlines())
    assert seen == {path: hashlib.sha256(data).hexdigest() for path, data in tree.items()}, run.stderr

    manifest = json.loads(files["manifest.json"])
    assert manifest["builds"] == [{"chipFamily": family, "parts": [{"path": "merged.bin", "offset": 0}]}]


def test_code_is_compiled_for_the_chip(tmp_path):
    """MicroPython, py/persistentcode.h: byte 2 of an .mpy names the architecture of its native code, in bits 2 to 5."""
    march = {"ESP32_GENERIC": 10, "ESP32_GENERIC_S3": 10, "ESP32_GENERIC_C3": 11, "UNIX": 2}
    for board, arch in march.items():
        viper = (build("kettle", board).out / "a/lib/toscore/cbor_viper.mpy").read_bytes()
        assert viper[2] >> 2 & 0xF == arch, board


def test_it_is_byte_reproducible_anywhere_at_any_time(tmp_path, monkeypatch):
    seen = []
    for place in ("one", "two/deeper"):
        (tmp_path / place).mkdir(parents=True)
        monkeypatch.chdir(tmp_path / place)
        seen.append(flashed(tmp_path / place)[1])
        monkeypatch.setattr("time.time", lambda: 4e9)
    assert seen[0] == seen[1]
    assert {"merged.bin", "vfs.bin", "manifest.json", "index.html"} == seen[0].keys()
    assert not [name for name, data in seen[0].items() if str(tmp_path).encode() in data]


def test_the_firmware_may_bring_its_own_partition_for_files(tmp_path):
    file = stock_file(tmp_path, "esp32")
    read = firmware.read(file, boards.load("ESP32_GENERIC"))
    assert (read.offset, read.vfs_offset, read.vfs_size) == (0x1000, 2 * MB, 2 * MB)


def damaged(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


WHOLE = stock.firmware("esp32")
REFUSED = {
    "nothing": (b"", "there is no bootloader where one should be. .*take the .bin of ESP32_GENERIC"),
    "a text": (b"<!doctype html>" * 5000, "there is no bootloader where one should be"),
    "for an S3": (stock.firmware("esp32s3"), "it is for ESP32-S3, ESP32_GENERIC has an ESP32"),
    "for a C3": (stock.firmware("esp32c3"), "it is for ESP32-C3"),
    "an app alone": (stock.image("esp32"), "it ends before the partition table. .*not an app alone"),
    "no table": (WHOLE[:0x7000] + b"\xff" * 4096 + WHOLE[0x8000:], "its partition table has no app"),
    "a damaged bootloader": (damaged(WHOLE, 100), "its bootloader is damaged: the checksum is wrong"),
    "a damaged table": (damaged(WHOLE, 0x7004), "its partition table is damaged"),
    "a damaged app": (damaged(WHOLE, len(WHOLE) - 500), "its app is damaged: the checksum is wrong"),
    "cut short": (WHOLE[:-600], "its app is damaged"),
    "cut before the app": (WHOLE[:0xF000], "it ends at 0x10000, outside of its app's partition factory"),
    "too long": (WHOLE.ljust(0x200000, b"\xff"), "it ends at 0x201000, outside of its app's"),
    "other slots": (
        stock.firmware("esp32", table=stock.TABLE + "vfs, data, fat, 0x200000, 0x100000\n"),
        "its file system is 1048576 B at 0x200000; ESP32_GENERIC has 2097152 B at 0x200000\nTake the variant for 4 MB",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_firmware_that_does_not_go_with_the_board_is_refused(tmp_path, what):
    data, message = REFUSED[what]
    file = tmp_path / "stock.bin"
    file.write_bytes(data)
    with pytest.raises(HostError, match=rf"stock.bin: {message}"):
        firmware.read(file, boards.load("ESP32_GENERIC"))


def test_firmware_cut_anywhere_is_refused_in_words(tmp_path):
    board = boards.load("ESP32_GENERIC")
    file = tmp_path / "stock.bin"
    for length in [*range(0, 600, 7), *range(600, len(WHOLE), 1999), len(WHOLE) - 1]:
        file.write_bytes(WHOLE[:length])
        with pytest.raises(HostError, match=r"stock\.bin: "):
            firmware.read(file, board)


def test_a_file_system_that_is_too_small_is_told(tmp_path):
    with pytest.raises(HostError, match="kettle does not fit into a file system of 65536 B"):
        image.fresh(build("kettle", "ESP32_GENERIC").out, 65536, "kettle")


def test_an_image_of_other_code_does_not_stay(tmp_path):
    report, _ = flashed(tmp_path)
    flasher.write(report, tmp_path / "flash", None, None)
    assert sorted(os.listdir(tmp_path / "flash")) == ["vfs.bin"]


def test_the_page_takes_its_tools_from_beside_it(tmp_path):
    report, files = flashed(tmp_path)
    assert b"TOS+ kettle on ESP32_GENERIC" in files["index.html"] and b"http" not in files["index.html"].replace(
        b"https:// or from http://localhost", b""
    )
    tools = tmp_path / "web"
    tools.mkdir()
    with pytest.raises(UsageFault, match=r"web has no install-button\.js; give the folder dist/web of esp-web-tools"):
        flasher.write(report, tmp_path / "flash", tmp_path / "esp32.bin", tools)
    (tools / "install-button.js").write_text("//")
    flasher.write(report, tmp_path / "flash", tmp_path / "esp32.bin", tools)
    assert (tmp_path / "flash/esp-web-tools/install-button.js").exists()


# The command


def tos(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "tosplus", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


def test_the_command_leaves_what_is_flashed(tmp_path):
    made = tos("build", "lamp", "--board", "ESP32_GENERIC_C3", "--firmware", stock_file(tmp_path, "esp32c3"), "--json")
    assert made.returncode == 0, made.stderr
    report = json.loads(made.stdout)
    folder = Path(".tos/build/ESP32_GENERIC_C3/lamp-flash")
    assert report["files"] == [str(folder / name) for name in ("vfs.bin", "merged.bin", "manifest.json", "index.html")]
    assert (folder / "merged.bin").stat().st_size == 4 * MB
    said = tos("build", "lamp", "--board", "ESP32_GENERIC_C3").stdout
    assert f"{folder}/vfs.bin: {2 * MB} B" in said


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("kettle", "--board", "ESP32_GENERIC", "--firmware", "esp32s3.bin"), 1, "esp32s3.bin: it is for ESP32-S3"),
        (("kettle", "--board", "ESP32_GENERIC", "--firmware", "gone.bin"), 2, "gone.bin"),
        (("kettle", "--board", "UNIX", "--firmware", "esp32s3.bin"), 2, "UNIX is a process, not a chip"),
        (("kettle", "--board", "ESP32_GENERIC", "--frozen", "--firmware", "esp32s3.bin"), 2, "leave --firmware out"),
        (("kettle", "--board", "ESP32_GENERIC", "--web-tools", "."), 2, "made with --firmware FILE"),
    ],
)
def test_the_command_says_what_to_do(tmp_path, arguments, code, told):
    stock_file(tmp_path, "esp32s3")
    run = tos("build", *arguments)
    assert (run.returncode, told in run.stderr) == (code, True), run


# Firmware of our own


def test_frozen_says_what_is_missing(tmp_path):
    path = os.path.dirname(shutil.which("make"))
    run = tos("build", "till", "--board", "TOS_TILL", "--frozen", PATH=path)
    assert run.returncode == 1 and os.listdir(".tos/build") == ["cache"]
    assert "ESP-IDF: there is no idf.py on PATH" in run.stderr and "set MPY_DIR" in run.stderr
    assert "stock firmware is used as it is: --firmware FILE" in run.stderr
    run = tos("build", "till", "--board", "TOS_TILL", "--frozen", MPY_DIR=str(tmp_path))
    assert f"MPY_DIR is {tmp_path}, which has no ports/esp32/Makefile" in run.stderr


def test_frozen_hands_a_board_dir_to_micropythons_build_and_takes_its_firmware(tmp_path):
    """Our side only: in the place of MicroPython's Makefile stands one that keeps what it was given."""
    port = tmp_path / "mpy/ports/esp32"
    port.mkdir(parents=True)
    table = (ROOT / "boards/TOS_TILL/partitions.csv").read_text()
    (port / "made.bin").write_bytes(stock.firmware("esp32", table=table))
    (port / "Makefile").write_text(
        "all:\n\tmkdir -p $(BUILD)\n\tcp made.bin $(BUILD)/firmware.bin\n\t@echo $(BOARD_DIR)\n"
    )
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "idf.py").write_text("#!/bin/sh\n")
    (tools / "idf.py").chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    run = tos("build", "till", "--board", "TOS_TILL", "--frozen", "--json", PATH=path, MPY_DIR=str(tmp_path / "mpy"))
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert sorted(module["target"] for module in report["modules"]) == FROZEN
    assert report["flash"]["size_b"] == 0x70000
    board_dir = Path(run.stderr.split("firmware.bin\n")[1].split("\n")[0])
    assert sorted(os.listdir(board_dir)) == [
        "board.py",
        "manifest.py",
        "mpconfigboard.cmake",
        "mpconfigboard.h",
        "partitions.csv",
        "sdkconfig.board",
    ]
    for name in ("esp32.cmake", "sdkconfig.esp32"):  # where the board's own files look for them
        assert (board_dir.parent / name).read_bytes() == (ROOT / "boards" / name).read_bytes()
    assert 'boards/TOS_TILL/manifest.py\')\nmodule("board.py")' in (board_dir / "manifest.py").read_text()
    merged = Path(next(file for file in report["files"] if file.endswith("merged.bin"))).read_bytes()
    assert len(merged) == 4 * MB
    assert sorted(files_of(merged[0x390000:])) == sorted([*FROZEN, "a/~slot", "tree"])
    assert struct.unpack_from("<B", merged, 0x10000) == (0xE9,)


# The page, in the browser with the real esp-web-tools


def test_esp_web_tools_takes_the_page_and_its_manifest(tmp_path, monkeypatch):
    import http.server
    import threading

    from playwright.sync_api import sync_playwright

    chromium, modules = peers.need("chromium"), peers.need_web()
    report, _ = flashed(tmp_path)
    flash = tmp_path / "flash"

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(flash))

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.get_by_text("esp-web-tools is missing beside this page").wait_for()

            flasher.write(report, flash, tmp_path / "esp32.bin", modules / "esp-web-tools/dist/web")
            asked = []
            page.on("request", lambda request: asked.append(request.url))
            # A port that opens and says nothing: far enough for the tools to read the manifest and offer to install.
            page.add_init_script("""
                const port = {
                    open: async () => { port.readable = new ReadableStream(); port.writable = new WritableStream(); },
                    close: async () => {}, setSignals: async () => {}, getInfo: () => ({}),
                    addEventListener() {}, removeEventListener() {}, dispatchEvent() {},
                };
                Object.defineProperty(navigator, "serial", { value: { requestPort: async () => port } });
            """)
            page.reload()
            page.get_by_role("button", name="Install").click()
            page.get_by_text("Install TOS+ kettle on ESP32_GENERIC").wait_for(timeout=30000)
            assert page.get_by_text("esp-web-tools is missing").is_hidden()
            assert any(url.endswith("/manifest.json") for url in asked)
            assert all(url.startswith(f"http://127.0.0.1:{server.server_port}/") for url in asked), asked
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
