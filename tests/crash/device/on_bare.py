"""A medium: a file system that keeps no promise but the two that Record asks for. Unix port only.

What a closed file holds is durable; a rename replaces in one step. All else is at its worst: opening for writing
truncates at once, and a file that is open when the supply fails keeps nothing (clean), the first half of what was
written (half), or as many bytes, erased (erased). An operation is one call that changes something.
"""

import errno
import json

import chip
import vfs


class Medium:
    """As in on_flash."""

    def __init__(self, file):
        self._file = file
        self._files = {}  # path: bytearray; None for a folder
        self._open = []
        self._until_cut = -1
        self._tear = None
        self._ops = 0

    def cut(self, after, tear):
        self._until_cut = after
        self._tear = tear

    def power_off(self):
        for data in self._open:
            data[:] = {"clean": b"", "half": data[: len(data) // 2], "erased": b"\xff" * len(data)}[self._tear]
        self.umount()
        chip.power_off()

    def format(self):
        self.umount()

    def cost(self):
        return self._ops, 0, 0

    def refused(self):
        return 0

    def image(self):
        self._file.seek(0)
        return self._file.read()

    def restore(self, image):
        self._file.seek(0)
        self._file.write(image)

    # What the interpreter calls on a file system

    def mount(self, *args):
        if not args:
            vfs.mount(self, "/")  # which calls this again
            return
        self._file.seek(0)
        files = json.loads(self._file.readline())
        self._files = {path: None if data is None else bytearray(bytes.fromhex(data)) for path, data in files.items()}

    def umount(self):
        self._file.seek(0)
        files = {path: None if data is None else data.hex() for path, data in self._files.items()}
        self._file.write(json.dumps(files) + "\n")

    def chdir(self, path):
        pass

    def open(self, path, mode):
        path = _absolute(path)
        if "w" in mode:
            folder = path[: path.rindex("/")]
            if folder and folder not in self._files:
                raise OSError(errno.ENOENT)
            self.begin()
            self._files[path] = bytearray()
            self._open.append(self._files[path])
        return File(self, self._files[self._there(path)])

    def rename(self, old, new):
        old = self._there(old)
        self.begin()
        self._files[_absolute(new)] = self._files.pop(old)

    def remove(self, path):
        path = self._there(path)
        self.begin()
        del self._files[path]

    def mkdir(self, path):
        path = _absolute(path)
        if path in self._files:
            raise OSError(errno.EEXIST)
        self.begin()
        self._files[path] = None

    def ilistdir(self, folder):
        folder = _absolute(folder)
        for path, data in self._files.items():
            head, name = path.rsplit("/", 1)
            if (head or "/") == folder:
                yield name, 0x4000 if data is None else 0x8000, 0

    def _there(self, path):
        path = _absolute(path)
        if path not in self._files:
            raise OSError(errno.ENOENT)
        return path

    # What its files call

    def begin(self):
        """An operation: count it, unless the supply fails here."""
        if self._until_cut == 0:
            self.power_off()
        self._until_cut -= 1
        self._ops += 1

    def close(self, data):
        for i, other in enumerate(self._open):
            if other is data:
                self.begin()
                del self._open[i]
                return


class File:
    def __init__(self, fs, data):
        self._fs = fs
        self._data = data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self):
        return bytes(self._data)

    def write(self, data):
        self._fs.begin()
        self._data.extend(data)
        return len(data)

    def close(self):
        self._fs.close(self._data)


def _absolute(path):
    return "/" + path.strip("/")
