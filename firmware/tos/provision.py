"""Provisioning: who may give the device a network, which it keeps once it has worked. MicroPython.

The fronts (Improv, the portal, the link's /n) are all served by this one machine, which wifi.py loads and drops.
"""

import asyncio

from micropython import const
from tos.net import Net
from tos.ports import JOIN_OK
from toscore import cbor_viper as cbor
from toscore.errors import Busy, StoreError, WireError

_WIFI_KEPT = const(222)
_WIFI_REFUSED = const(381)
_WIFI_BUSY = const(383)
_WIFI_MALFORMED = const(384)
_WIFI_CONFIG_BAD = const(419)

# States. IDLE: somebody has to press the button before a front on the air takes anything.
IDLE = 0
AUTHORIZED = 1
PROVISIONING = 2
PROVISIONED = 3

NOT_KEPT = 6  # a verdict beside the JOIN_* of the ports: it works, and could not be stored

MOST = 5  # networks
_SSID_B = const(32)
_PASSWORD_B = const(64)
_OPEN_MS = const(600000)  # after a press of the button


class Provision:
    """verdict: of the last attempt with new credentials, a JOIN_* reason or NOT_KEPT; None before the first. presses:
    of the button, so far.

    Config "networks" is [[ssid, password], ...], the latest first; a password is given to the radio and nobody else.
    kept: what another one, which is dropped, has left.
    """

    def __init__(self, app, kept=None):
        self._app = app
        self._trying = False
        self._read = None  # that config, as it was when it was checked
        self._rows = []
        self.verdict, self.presses, self._open_until_ms, *kept = kept or (None, 0, 0, False, 0, None)
        self.net = Net(app, self.networks, *kept)

    def kept(self):
        net = self.net
        return self.verdict, self.presses, self._open_until_ms, net.joined, net.since_ms, net.ssid

    def is_quiet(self):
        """Whether the device is well on a network, and nobody may bring another one just now."""
        return self.net.is_well and not self._trying and self._app.clock.ms() >= self._open_until_ms

    def networks(self):
        """[[ssid, password], ...]"""
        rows = self._app.config.get("networks")
        if rows is not self._read:
            self._read = rows
            try:
                for ssid, password in rows:
                    _check(ssid, password)
                self._rows = rows
            except (TypeError, ValueError, WireError):
                self._app.log.event(_WIFI_CONFIG_BAD)
        return self._rows

    @property
    def state(self):
        if self._trying:
            return PROVISIONING
        if self.net.joined:
            return PROVISIONED
        return AUTHORIZED if self.is_open() else IDLE

    def is_open(self):
        """Whether who is only near may give credentials: it is not paired yet, or the button was pressed."""
        return not self.is_paired() or self._app.clock.ms() < self._open_until_ms

    def press(self):
        """The button was pressed: the owner, who can touch the device, opens it for ten minutes."""
        self._open_until_ms = self._app.clock.ms() + _OPEN_MS
        self.presses += 1

    def is_paired(self):
        return self._app.link.is_owned()

    def needs_access_point(self):
        """Whether who is near has no other way in, and may have one."""
        return self.is_open() and self.net.stranded and not self.net.joined and not self._trying

    def offer(self, ssid, password):
        """Try a network, and keep it if it works; `verdict` says how it went once the state is not PROVISIONING.

        Returns an awaitable with the verdict, which runs by itself too. Raises WireError, or Busy during another.
        """
        _check(ssid, password)
        if self._trying:
            raise Busy(_WIFI_BUSY)
        self._trying = True
        self.verdict = None
        return asyncio.create_task(self._try(ssid, password))

    async def _try(self, ssid, password):
        try:
            verdict = await self.net.attempt(ssid, password)
            if verdict == JOIN_OK:
                verdict = self._keep(ssid, password)
            if verdict != JOIN_OK:
                self._app.log.event(_WIFI_REFUSED, verdict)
            self.verdict = verdict
            return verdict
        finally:
            self._trying = False

    def _keep(self, ssid, password):
        rows = ([[ssid, password]] + self._without(ssid))[:MOST]
        if rows != self.networks():  # spares the flash
            try:
                self._app.config.update({"networks": rows})
            except StoreError as e:
                self._app.log.event(e.code, e.detail)
                return NOT_KEPT
        self._app.log.event(_WIFI_KEPT)
        return JOIN_OK

    def _without(self, ssid):
        return [row for row in self.networks() if row[0] != ssid]

    # What the link shows as /n

    def body(self):
        """{0: state, 1: [ssid], 2: address or null, 3: dBm or null, 4: verdict or null}, and never a password."""
        _, ip, rssi_dbm = self._app.board.radio.status()
        return cbor.dumps({0: self.state, 1: [row[0] for row in self.networks()], 2: ip, 3: rssi_dbm, 4: self.verdict})

    def put(self, value):
        """{0: ssid, 1: password}: try it, and GET says how it went. {0: ssid}: forget it."""
        keys = set(value) if isinstance(value, dict) else None
        if keys == {0, 1}:
            self.offer(value[0], value[1])
        elif keys == {0}:
            self._app.config.update({"networks": self._without(value[0])})
            self.net.forget(value[0])
        else:
            raise WireError(_WIFI_MALFORMED, "n")


def _check(ssid, password):
    """WireError for what is no network; the radio would cut it short."""
    if not isinstance(ssid, str) or not 0 < len(ssid.encode()) <= _SSID_B:
        raise WireError(_WIFI_MALFORMED, "ssid")
    if not isinstance(password, str) or len(password.encode()) > _PASSWORD_B:
        raise WireError(_WIFI_MALFORMED, "password")
