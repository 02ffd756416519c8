"""What is stored: two resources with keep, saved by the service. Unix port only."""

import asyncio

import of_record
from tos.app import App
from tos.log import Log
from tos.state import State
from toscore.errors import StoreError


class Paused(Exception):
    """The service has done its work and would now sleep."""


class Clock:
    def ms(self):
        return 0

    def sleep_ms(self, n):
        raise Paused


class Subject(of_record.Subject):
    path = "/state.rec"

    def load(self):
        self._app = app = App("lab")
        app.value("version", 0, keep=True)
        app.value("pad", "", type="text", maximum=16384, keep=True)
        app.clock = Clock()
        app.log = Log(app.clock)
        self.codes = app.log.counts
        self._state = State(app)
        value = {key: app.get(key) for key in ("version", "pad")}
        return None if value == {"version": 0, "pad": ""} else value

    def write(self, version):
        for key, value in self.value(version).items():
            self._app.set(key, value)
        try:
            asyncio.run(self._state.run(self._app))
        except Paused:
            pass
        asyncio.new_event_loop()
        for code in (406, 407):
            if self.codes.pop(code, 0):  # the service logs what the others raise
                raise StoreError(code)

    def value(self, version):
        return {"version": version, "pad": chr(97 + version % 26) * self.pad_b}
