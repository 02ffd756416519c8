"""What is stored: a Record. Unix port only."""

from tos.store import Record
from toscore.errors import StoreError


class Subject:
    """load() -> value or None, write(version), and what a value must look like.

    A version is an int; the value that stands for it names it and is padded with it to pad_b, so that a mixture of two
    versions is neither. 0: nothing is stored. codes: {code: count} that the last load logged. counter: the Record's,
    where it can be seen.
    """

    path = "/a.rec"

    def __init__(self, pad_b):
        self.folder = self.path[: self.path.rindex("/")]
        self.pad_b = pad_b
        self.codes = {}
        self.counter = None

    def load(self):
        self._record = Record(self.path)
        value = self._record.load()
        self.counter = self._record.counter
        return value

    def write(self, version):
        self._record.save(self.value(version))
        self.counter = self._record.counter

    def erase(self):
        self._record.erase()

    def value(self, version):
        return {"version": version, "pad": bytes([version & 0xFF]) * self.pad_b}

    def version(self, value):
        return value["version"]

    def live(self):
        """The version that the running program sees, where it keeps one."""
        return None

    def read(self):
        """The version that is stored; {"code": n} for a StoreError; text for a value or an error that must not be."""
        self.codes = {}
        try:
            value = self.load()
        except StoreError as e:
            return {"code": e.code}
        except Exception as e:
            return repr(e)
        if value is None:
            return 0
        try:
            version = self.version(value)
            if value == self.value(version):
                return version
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        return repr(value)[:60]
