"""A medium: LittleFS on NOR flash. An operation is a program or an erase. Unix port only."""

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


class Medium:
    """A file system kept in one host file."""

    def __init__(self, file):
        self._file = file
        self.nor = Nor(file, 0, _FLASH_B)
        self.cut = self.nor.cut
        self.power_off = chip.power_off

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
        self._file.seek(0)
        self._file.write(image)
