"""One life of a device that updates itself: it starts as boot.py and main.py have it, goes on with the update, and says
what it is. Unix port only; started by updated.py with an order as JSON on stdin. Only the network is not there: what
the peer has is the host's file `bundle`.
"""

import asyncio
import json
import os
import sys

import chip
import partition
import romfs
import vfs
from tos import lazy
from tos.ports.unix import Keystore

lazy.drop = lambda *names: None  # all of it is loaded while the host's files are in reach


class Pull:
    """In place of tos/pull.py: what the peer has is in a file."""

    async def pull(self, app, where, offset, sink, is_wanted):
        bundle.seek(offset)
        while is_wanted():
            piece = bundle.read(_PIECE_B)
            if not piece:
                return
            fetched.write("%d\n" % len(piece))
            fetched.flush()
            sink(0, piece)


sys.modules["tos.pull"] = Pull()

from tos import download, finish, firmware, room, slots, trial  # noqa: E402, F401
from tos.flash import half  # noqa: E402, F401
from tos.ota import Ota  # noqa: E402
from tos.update import obey  # noqa: E402, F401
from toscore import coap, ecdsa, ota, ota_manifest, ota_sign, p256, patch  # noqa: E402, F401

_PIECE_B = 1024


class Restart(Exception):
    pass


class Clock:
    def ms(self):
        return 0

    async def sleep_ms(self, n):
        await asyncio.sleep_ms(0)


def reset():
    print("OPS %d" % (flash.programs + flash.erases))
    raise SystemExit


class Time:
    """For main.py, which waits before it starts the chip anew."""

    def ticks_ms(self):
        return 0

    def ticks_diff(self, a, b):
        return a - b

    def sleep(self, s):
        pass


class Nothing:
    """What an Ota calls of an app, and nothing comes of it here."""

    rows = ()
    port = 5683
    counts = {}

    def get(self, key):
        return None

    def save(self):
        pass

    def changed(self, path):
        pass

    def parts(self, peer):
        return peer

    def event(self, code, a=0, b=0):
        codes.append(code)


class App:
    name = "kettle"
    clock = Clock()
    config = link = log = state = table = Nothing()

    def __init__(self, board):
        self.board = board
        self.told = board.update[0]
        board.NAME = "LAB"
        board.Partition = Partition
        board.radio = Nothing()
        board.keystore = Keystore()
        board.restart = self.restart

    def restart(self):
        raise Restart

    def make_safe(self):
        pass

    def use(self, service):
        pass


codes = []
order = json.loads(sys.stdin.readline())


def run(board, version):
    """What the app of every slot does."""
    update = Ota(App(board))
    is_trial = update.told[1] == Ota.TRIAL
    told = {"slot": board.slot, "version": version, "whole": board.slot == "r" or slots.is_whole(board.slot)}
    told["trial"] = is_trial
    if Partition:
        told["firmware"] = partition.words()[-2:].decode()
        told["harmed"] = romfs.harmed

    ended = []

    async def live():
        if board.update[2]:
            await update.run(update.app)
        if order["do"] == "update" and update.told[1] == Ota.IDLE and version < order["to"]:
            bundle.seek(0)
            message = bundle.read(order["message_b"])
            update.ask(coap.PUT, {0: message, 1: "coap://192.0.2.1/bundle"}, ("192.0.2.1", 5683), None)
        elif order["do"] == "rollback" and not is_trial and version == order["to"]:
            update.ask(coap.POST, {0: "rollback"}, None, None)
        if update.is_due():
            await update.run(update.app)

    try:
        asyncio.run(live())
    except Restart:
        ended.append(True)
    told["end"] = "restarts" if ended else "rests"
    record = slots.load()
    told["state"] = [record["active"], record["a"], record["b"], record["floor"]]
    told["keys"] = [board.keystore.get(name) and board.keystore.get(name).hex() for name in ("ota0", "ota1")]
    told["codes"] = codes
    told["kept"] = not Partition or partition.is_kept()
    told["update"] = update.told[1]
    print("TOLD " + json.dumps(told))
    reset()


sys.modules["lab"] = type("lab", (), {"run": staticmethod(run)})
chip.reset = reset
sys.modules["machine"] = chip
sys.modules["time"] = Time()
chip.args = {"cause": order.get("cause", 0)}
bundle = open(order["bundle"], "rb")
fetched = open(order["fetched"], "w")
flash = chip.NorFlash(open(order["image"], "r+b"), 0, order["size"])
if order.get("cut"):
    flash.cut(*order["cut"])
Partition = None
if order["partitions"]:
    Partition = partition.Partition
    sys.modules["esp32"] = partition
    if not partition.boot(flash, *order["partitions"], False):
        reset()
vfs.umount("/")
vfs.mount(vfs.VfsLfs2(partition.Region(flash, 0, order["disk"])), "/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
if Partition:
    romfs.begin()
    slots.vfs = romfs
both = {"__name__": "__main__"}
for name in ("/boot.py", "/main.py"):
    with open(name) as file:
        text = file.read()
    exec(text, both)
