"""What is stored: the owner's rules. Unix port only."""

import of_record
from tos import remote, rules  # noqa: F401  # in reach yet
from tos.app import App
from tos.log import Log
from tos.state import Rules


class Clock:
    def ms(self):
        return 0


class Known:
    """A link with one peer, whoever is asked for."""

    role = 6
    address = "192.0.2.1:5683"

    def __init__(self):
        self.peers = self

    def find(self, name):
        return self


class Subject(of_record.Subject):
    path = "/rules.rec"

    def load(self):
        self._app = app = App("lab")
        app.value("version", 0)
        app.value("pad", "", maximum=16384, writable=True)
        app.rule("version", below=0, set="pad", to="declared")
        app.log = Log(Clock())
        app.clock = Clock()
        app.link = Known()
        self.codes = app.log.counts
        self._rules = Rules(app)
        rows = self._rules.rows()
        return None if rows[0][5] == "declared" else rows

    def write(self, version):
        self._rules.replace(self.value(version))

    def value(self, version):
        own = {0: 0, 3: version, 4: 1, 5: chr(97 + version % 26) * self.pad_b}
        return [own, {0: 0, 1: version, 4: ["tv", "power"]}]

    def version(self, rows):
        return rows[0][3]

    def live(self):
        return self._rules.rows()[0].get(3)
