"""The flash image: mounted by MicroPython itself; state survives what replaces the code."""

import subprocess

import pytest
from tosplus.build import image
from tosplus.build.board import Board
from tosplus.errors import HostError
from tosplus.sim.process import micropython

SIZE = 2097152
MOUNT = """
import os, sys, vfs
class Flash:
    def __init__(self):
        self.file = open(sys.argv[1], "r+b")
    def seek(self, block, offset):
        self.file.seek(0x200000 + block * 4096 + offset)
    def readblocks(self, block, buf, offset=0):
        self.seek(block, offset)
        self.file.readinto(buf)
    def writeblocks(self, block, buf, offset=0):
        self.seek(block, offset)
        self.file.write(buf)
    def ioctl(self, op, arg):
        if op == 6:
            self.writeblocks(arg, b"\\xff" * 4096)
        return {4: 512, 5: 4096}.get(op, 0)
vfs.mount(vfs.VfsLfs2(Flash()), "/flash")
os.chdir("/flash")
"""


@pytest.fixture
def board(tmp_path):
    return Board("UNIX", tmp_path, "x64", SIZE, SIZE, 143000, 0, ())


@pytest.fixture
def tree(tmp_path):
    tree = tmp_path / "tree"
    (tree / "lib/tos").mkdir(parents=True)
    (tree / "main.py").write_text("print('one')\n")
    (tree / "app.mpy").write_bytes(b"M" + bytes(range(256)) * 30)
    (tree / "lib/tos/app.mpy").write_bytes(b"Mtiny")
    return tree


def on_device(flash, code):
    """What MicroPython prints when it has mounted the image with VfsLfs2's default arguments."""
    run = subprocess.run([micropython(), "-c", MOUNT + code, str(flash)], capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_micropython_mounts_it_and_reads_what_was_put_there(tmp_path, tree, board):
    flash = tmp_path / "flash.bin"
    image.update(flash, tree, board)
    assert flash.stat().st_size == 2 * SIZE and set(flash.read_bytes()[:SIZE]) == {0xFF}
    seen = on_device(flash, "print(open('main.py').read(), len(open('app.mpy', 'rb').read()), os.listdir('lib/tos'))")
    assert seen == "print('one')\n 7681 ['app.mpy']\n"


def test_state_survives_an_update_of_the_code(tmp_path, tree, board):
    flash = tmp_path / "flash.bin"
    image.update(flash, tree, board)
    on_device(flash, "os.mkdir('nvs')\nfor n in ('state.rec', 'nvs/key'):\n    with open(n, 'w') as f: f.write(n * 99)")
    (tree / "main.py").write_text("print('two')\n")
    (tree / "lib/tos/app.mpy").unlink()
    (tree / "lib/tos.mpy").write_bytes(b"Mflat")
    image.update(flash, tree, board)
    seen = on_device(
        flash,
        "print(sorted(os.listdir()), os.listdir('lib'), open('main.py').read())\n"
        "print(all(open(n).read() == n * 99 for n in ('state.rec', 'nvs/key')))",
    )
    # The folder lib/tos went with its last file: it would have hidden lib/tos.mpy.
    assert seen == "['app.mpy', 'lib', 'main.py', 'nvs', 'state.rec'] ['tos.mpy'] print('two')\n\nTrue\n"


def test_the_same_code_writes_nothing(tmp_path, tree, board):
    flash = tmp_path / "flash.bin"
    image.update(flash, tree, board)
    before = flash.stat()
    image.update(flash, tree, board)
    assert (flash.stat().st_mtime_ns, flash.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_damaged_file_system_is_told_and_left_alone(tmp_path, tree, board):
    flash = tmp_path / "flash.bin"
    flash.write_bytes(b"\x55" * 2 * SIZE)
    with pytest.raises(HostError, match=r"does not mount .* --fresh"):
        image.update(flash, tree, board)
    assert set(flash.read_bytes()) == {0x55}


def test_code_that_does_not_fit_is_told(tmp_path, tree, board):
    (tree / "big.mpy").write_bytes(b"M" * SIZE)
    with pytest.raises(HostError, match="is full"):
        image.update(tmp_path / "flash.bin", tree, board)
