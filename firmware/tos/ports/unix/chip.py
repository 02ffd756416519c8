"""The silicon that the Unix port simulates: NOR flash, world and supply. Unix port only; plays the part of `machine`.

`TOS_CHIP='{json}' micropython -i -m chip` starts a device: it mounts the flash file as the only file system there is
and runs boot.py and main.py from it, as stock firmware does. The keys are in tools/tosplus/sim/device.py.
"""

import io
import json
import os
import sys
import termios

import micropython as built_in  # boot.py and main.py run in these globals
import vfs
from micropython import const

_SECTOR = const(4096)
_PART_B = const(1024)
_EIO = const(5)
_LFLAG = const(3)  # in termios' list
_ISIG = const(1)  # in that flag
_VFS_OFFSET = const(0x200000)  # the stock partition table of a 4 MB ESP32
_VFS_SIZE = const(0x200000)


class NorFlash:
    """A block device (MicroPython's extended interface) in a file. Programming what is not erased fails with EIO.

    cut(after, tear) takes the supply away at the after-th program or erase from now:
    clean   that operation does not begin;
    half    its first half is done;
    erased  an erase is done and nothing after it; a program leaves its bytes erased.
    """

    def __init__(self, file, offset, size):
        self._file = file
        self._offset = offset
        self._sectors = size // _SECTOR
        self._erased = b"\xff" * _SECTOR
        self._until_cut = -1
        self._tear = None
        # What was read last, and what is around it: system calls would be half of a start. Reading leaves no garbage
        # in the heap, as it leaves none on a chip.
        self._part = bytearray(_PART_B)
        self._near = io.BytesIO(self._part)
        self._near_at = -1
        self.reads = self.programs = self.erases = self.programmed_b = self.refused = 0

    def cut(self, after, tear):
        if tear not in ("clean", "half", "erased") or after < 0:
            raise ValueError("cut: after >= 0, tear clean, half or erased")
        self._until_cut = after
        self._tear = tear

    def readblocks(self, sector, buf, offset=0):
        self.reads += 1
        at = self._offset + sector * _SECTOR + offset
        within = at % _PART_B
        if within + len(buf) > _PART_B:
            self._file.seek(at)
            self._file.readinto(buf)
            return
        if at - within != self._near_at:
            self._near_at = at - within
            self._file.seek(self._near_at)
            self._file.readinto(self._part)
            self._near.seek(0)
            self._near.write(self._part)
        self._near.seek(within)
        self._near.readinto(buf)

    def writeblocks(self, sector, buf, offset=None):
        if offset is None:
            self._erase(sector)
            offset = 0
        at = self._offset + sector * _SECTOR + offset
        torn = self._torn()
        if torn:
            self._put(at, bytes(buf)[: len(buf) // 2] if torn == "half" else b"")
            power_off()
        self._file.seek(at)
        if self._file.read(len(buf)) != self._erased[: len(buf)]:
            self.refused += 1
            raise OSError(_EIO)
        self._put(at, buf)
        self.programs += 1
        self.programmed_b += len(buf)

    def ioctl(self, op, arg):
        if op == 4:
            return self._sectors
        if op == 5:
            return _SECTOR
        if op == 6:
            self._erase(arg)
        return 0

    def _erase(self, sector):
        at = self._offset + sector * _SECTOR
        torn = self._torn()
        if torn:
            self._put(at, self._erased[: {"clean": 0, "half": _SECTOR // 2, "erased": _SECTOR}[torn]])
            power_off()
        self._put(at, self._erased)
        self.erases += 1

    def _put(self, at, buf):
        self._near_at = -1
        self._file.seek(at)
        self._file.write(buf)

    def _torn(self):
        if self._until_cut < 0:
            return None
        self._until_cut -= 1
        return self._tear if self._until_cut < 0 else None


def power_off(signal="KILL"):
    """What a power cut is to a process: nothing is unwound. By other signals the supply knows that it was none: USR1
    is deep sleep, USR2 a restart."""
    while True:
        os.system("kill -%s $PPID" % signal)


# What boot.py and main.py ask of MicroPython's `machine`, which is this module then.

WDT_RESET = 3
DEEPSLEEP_RESET = 4


def reset_cause():
    return {2: WDT_RESET, 4: DEEPSLEEP_RESET, 5: DEEPSLEEP_RESET}.get(args["cause"], 0)


def reset():
    power_off("USR2")


def kbd_intr(byte):
    """As micropython.kbd_intr on a chip: 3, Ctrl-C interrupts; -1, it is a byte like any other."""
    try:
        mode = termios.tcgetattr(0)
    except OSError:  # no terminal
        return
    mode[_LFLAG] = mode[_LFLAG] & ~_ISIG | (_ISIG if byte == 3 else 0)
    termios.tcsetattr(0, termios.TCSANOW, mode)


class Micropython:
    """The module of that name, but for Ctrl-C: with the Unix port's own kbd_intr(-1) it would end the process."""

    kbd_intr = staticmethod(kbd_intr)

    def __getattr__(self, name):
        return getattr(built_in, name)


args = {}
flash = None
Partition = None  # as in the module esp32, of a chip with two partitions for firmware
world = None  # a host file in which the physical world outlives the device
serial = None  # the terminal at whose other end the chip of its NFC is; None when there is none


def start():
    """Power on: the flash becomes the file system, then boot.py and main.py run from it."""
    global args, flash, world, serial, Partition
    open("/proc/self/fd/0").close()  # a session's first terminal is the one whose Ctrl-C reaches it
    args = json.loads(os.getenv("TOS_CHIP"))  # an argument may have no more than 255 bytes
    place = args.get("vfs", (_VFS_OFFSET, _VFS_SIZE))
    if args.get("partitions"):
        flash = NorFlash(open(args["flash"], "r+b"), 0, sum(place))
    else:
        flash = NorFlash(open(args["flash"], "r+b"), *place)
    world = open(args["world"], "r+b")
    if args.get("nfc"):
        serial = open(args["nfc"], "r+b")
    if args.get("cut"):
        flash.cut(args["cut"]["after"], args["cut"]["tear"])
    disk = flash
    if args.get("partitions"):
        import partition
        import romfs

        if not partition.boot(flash, *args["partitions"], reset_cause() == DEEPSLEEP_RESET):
            reset()
        Partition = partition.Partition
        sys.modules["esp32"] = partition
        disk = partition.Region(flash, *place)
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(disk), "/")
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    if Partition:
        romfs.begin()
    sys.modules["machine"] = sys.modules["chip"]
    sys.modules["micropython"] = Micropython()
    try:
        for name in ("boot.py", "main.py"):
            if name in os.listdir("/"):
                run(name)
    finally:
        kbd_intr(3)  # what runs from the prompt can be interrupted


def run(name):
    """As stock firmware does it: Ctrl-C interrupts while the file runs, and not while it is compiled."""
    with open(name) as file:
        code = compile(file.read(), name, "exec")
    kbd_intr(3)
    exec(code)
    kbd_intr(-1)


if __name__ == "__main__":
    start()
