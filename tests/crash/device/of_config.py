"""What is stored: a Config. Unix port only."""

import of_record
from tos.log import Log
from tos.state import Config


class Clock:
    def ms(self):
        return 0


class Subject(of_record.Subject):
    path = "/config.rec"

    def load(self):
        log = Log(Clock())
        self.codes = log.counts
        self._config = Config(log)
        value = {key: self._config.get(key) for key in ("version", "pad")}
        return None if value == {"version": None, "pad": None} else value

    def write(self, version):
        self._config.update(self.value(version))

    def live(self):
        return self._config.get("version")
