"""Improv over the serial port that the REPL has too, improv-wifi.com/serial. Loaded by console.py. MicroPython."""

import asyncio

from tos import provision
from tos.ports import JOIN_OK
from toscore import improv
from toscore.errors import TosError, WireError

_IMPROV_STATE = {provision.PROVISIONING: improv.PROVISIONING, provision.PROVISIONED: improv.PROVISIONED}


class ImprovSerial:
    """Whoever holds the cable could stop the app and change anything, so this front asks for no authorisation.

    Why a network was refused does not fit into Improv: it is a line of the log, which this port shows as well.
    """

    def __init__(self, app, port):
        self._app = app
        self._write = port.write
        self._packet = None
        self._trial = None

    def _machine(self):
        return self._app.wifi.machine(self._app)

    def begin(self):
        """The start of a packet was seen."""
        self._packet = improv.Packet(self._app.clock.ms())

    def busy(self):
        """Whether a network is being tried, of which there is more to tell."""
        return self._trial and not self._trial.done()

    def feed(self, byte):
        """-> (whether the byte was the packet's, whether there is more to come)"""
        found = self._packet.feed(byte, self._app.clock.ms())
        if found == improv.DONE:
            try:
                data = self._packet.rpc()
                if data is not None:
                    self._obey(*improv.command(data))
            except WireError as e:
                self._app.log.event(e.code, e.detail or 0)
                self._write(improv.error(improv.INVALID))
        return found != improv.LATE, found == improv.MORE

    def _obey(self, command, data):
        if command == improv.SETTINGS:
            ssid, password = improv.settings(data)
            self._trial = asyncio.create_task(self._settings(ssid, password))
            return
        app = self._app  # an error stands until the next settings: a page looks for networks again while it shows it
        if command == improv.CURRENT_STATE:
            state = self._tell_state()
            if state == improv.PROVISIONED:
                self._write(improv.result(command))
        elif command == improv.INFO:
            self._write(improv.result(command, (app.name, app.version, app.board.NAME, app.id)))
        elif command == improv.NETWORKS:
            for ssid, rssi_dbm, secure, _ in self._machine().net.heard():
                self._write(improv.result(command, (ssid, str(rssi_dbm), "YES" if secure else "NO")))
            self._write(improv.result(command))
        else:
            self._write(improv.error(improv.UNKNOWN_COMMAND))

    async def _settings(self, ssid, password):
        try:
            trial = self._machine().offer(ssid, password)
        except TosError as e:
            self._app.log.event(e.code)
            self._write(improv.error(improv.NO_CONNECTION))
            return
        self._write(improv.error(improv.NO_ERROR))
        self._tell_state()
        if await trial == JOIN_OK:
            self._tell_state()
            self._write(improv.result(improv.SETTINGS))
        else:
            self._write(improv.error(improv.NO_CONNECTION))
            self._tell_state()

    def _tell_state(self):
        state = _IMPROV_STATE.get(self._machine().state, improv.READY)
        self._write(improv.state(state))
        return state
