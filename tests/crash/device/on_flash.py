"""A medium: LittleFS on NOR flash. An operation is a program or an erase. Unix port only."""

import os

import chip
import vfs
from micropython import const

_FLASH_B = const(65536)  # small, so that it is quickly full, and quickly copied


class Nor(chip.NorFlash):
    """moves: how often a program was in another sector than the one before."""

    moves = 0
    last = None

    def writeblocks(self, sector, buf, offset=None):
        self.moves += sector != self.last
        self.last = sector
        super().writeblocks(sector, buf, offset)

    def put(self, image):
        self._put(0, image)


class Medium:
    """A file system kept in one host file."""

    def __init__(self, file):
        self._file = file
        self.nor = Nor(file, 0, _FLASH_B)
        self.cut = self.nor.cut
        self.power_off = chip.power_off

    def begins(self, cut):
        """What comes is counted, and cut off. cut: (after so many operations, how it is torn), or None."""
        self._cut = cut
        self._before = sum(self.cost()[:2])
        if cut:
            self.cut(*cut)

    def ends(self):
        """-> how many operations that was; if it was to be cut, the supply fails now at last."""
        ops = sum(self.cost()[:2]) - self._before
        if self._cut:
            self.power_off()
        return ops

    def format(self):
        vfs.VfsLfs2.mkfs(self.nor)

    def mount(self):
        vfs.mount(vfs.VfsLfs2(self.nor), "/")

    def cost(self):
        """So far: (operations other than erases, erases, moves)."""
        return self.nor.programs, self.nor.erases, self.nor.moves

    def refused(self):
        """How many operations the medium refused."""
        return self.nor.refused

    def image(self):
        self._file.seek(0)
        return self._file.read()

    def restore(self, image):
        self.nor.put(image)


def started(image, fresh):
    """The medium that is kept in this file of the host's, which cannot be reached any more. fresh: made anew."""
    medium = Medium(open(image, "r+b"))
    vfs.umount("/")
    if fresh:
        medium.format()
    medium.mount()
    os.chdir("/")
    return medium
