"""What is stored: the owner's rules. Unix port only."""

import of_record
from tos.app import App
from tos.log import Log
from tos.rules import Rules


class Clock:
    def ms(self):
        return 0


class Subject(of_record.Subject):
    path = "/rules.rec"

    def load(self):
        self._app = app = App("lab")
        app.value("version", 0)
        app.value("pad", "", maximum=16384, writable=True)
        app.rule("version", below=0, set="pad", to="declared")
        app.log = Log(Clock())
        self.codes = app.log.counts
        self._rules = Rules(app)
        rows = self._rules.rows()
        return None if rows[0][5] == "declared" else rows

    def write(self, version):
        self._rules.replace(self.value(version))

    def value(self, version):
        return [{0: 0, 3: version, 4: 1, 5: chr(97 + version % 26) * self.pad_b}]

    def version(self, rows):
        return rows[0][3]

    def live(self):
        return self._rules.rows()[0].get(3)
