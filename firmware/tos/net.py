"""The network: keeps the device on one of its owner's Wi-Fi networks, and tries others. A service. MicroPython."""

import asyncio

from micropython import const
from tos.ports import JOIN_NOT_FOUND, JOIN_OK, JOIN_TIMEOUT

_WIFI_JOINED = const(220)
_WIFI_LOST = const(221)
_WIFI_ROAMED = const(225)
_WIFI_UNREACHABLE = const(382)

_JOIN_MS = const(15000)
_LOOK_MS = const(1000)
_BACK_OFF_MS = (1000, 16000)  # first and longest pause between two rounds through the networks
_WEAK_DBM = const(-70)
_BETTER_DB = const(10)
_SCAN_MS = const(60000)  # a scan while joined costs the link some 2.5 s on a chip


class Net:
    """networks() -> [[ssid, password], ...], those of the owner. joined: whether the station is on one of them, or on
    whatever else the port calls a network. since_ms: when that changed last. ssid: where it went last.

    is_well: it is on a network that is not weak. stranded: it has tried, and there is none that it can join.
    quiet_until_ms: somebody uses the access point, which a scan and a join would disturb.

    Nobody else may call the radio's join and leave.
    """

    def __init__(self, app, networks, joined, since_ms, ssid):
        self._app = app
        self._networks = networks
        self._wanted = None
        self._task = None
        self._verdict = None
        self._tried = asyncio.Event()
        self._blind = 0
        self.ssid = ssid
        self.joined = joined
        self.since_ms = since_ms
        self.is_well = False
        self.stranded = False
        self.quiet_until_ms = 0

    async def attempt(self, ssid, password):
        """Try another network, at once -> a JOIN_* reason. If that fails, the owner's are next. One at a time."""
        self._tried.clear()
        self._wanted = ssid, password
        if self._task:
            self._task.cancel()
        await self._tried.wait()
        return self._verdict

    async def run(self, app):
        while True:
            if self._wanted:
                self._verdict = JOIN_TIMEOUT
                try:
                    self._verdict = await self._join(*self._wanted)
                finally:
                    self._wanted = None
                    self._tried.set()
                continue
            self._task = asyncio.create_task(self._keep())
            try:
                await self._task
            except asyncio.CancelledError:
                if not self._wanted:
                    raise
            finally:
                self._task = None

    async def _keep(self):
        """Stay joined, or become it: rounds through the networks with a pause after each that grows, and is drawn, so
        that the devices of a house do not all come at once when its router is back."""
        app = self._app
        pause_ms, longest_ms = _BACK_OFF_MS
        while True:
            if self._is_joined():
                self.stranded = False
                await self._stay()
                pause_ms = _BACK_OFF_MS[0]
            elif not self._networks():
                self.stranded = True
            elif app.clock.ms() >= self.quiet_until_ms:
                verdict = await self._round()
                if verdict == JOIN_OK:
                    continue
                self.stranded = True
                app.log.event(_WIFI_UNREACHABLE, verdict)
            drawn = int.from_bytes(app.board.rng(2), "big")
            await app.clock.sleep_ms(pause_ms // 2 + pause_ms * drawn // 131072)
            pause_ms = min(2 * pause_ms, longest_ms)

    async def _stay(self):
        """Until the network is gone."""
        clock = self._app.clock
        scanned = clock.ms()
        while self._is_joined():
            rssi_dbm = self._app.board.radio.status()[2]
            self.is_well = rssi_dbm is None or rssi_dbm >= _WEAK_DBM
            if not self.is_well and clock.ms() - scanned >= _SCAN_MS:
                scanned = clock.ms()
                await self._roam(rssi_dbm)
            await clock.sleep_ms(_LOOK_MS)
        self.is_well = False

    async def _roam(self, rssi_dbm):
        heard = self._heard()
        if heard and heard[0][1] >= rssi_dbm + _BETTER_DB:
            ssid, better_dbm, _, bssid = heard[0]
            if await self._join(ssid, self._password(ssid), bssid) == JOIN_OK:
                self._app.log.event(_WIFI_ROAMED, rssi_dbm, better_dbm)

    async def _round(self):
        """The networks that can be heard, the strongest first, then one of those that cannot: it may be hidden."""
        verdict = JOIN_NOT_FOUND
        heard = self._heard()
        for ssid, _, _, bssid in heard:
            verdict = await self._join(ssid, self._password(ssid), bssid)
            if verdict == JOIN_OK:
                return verdict
        names = [row[0] for row in heard]
        silent = [row for row in self._networks() if row[0] not in names]
        if silent:
            self._blind += 1
            found = await self._join(*silent[self._blind % len(silent)])
            if found == JOIN_OK or not heard:
                verdict = found
        return verdict

    def heard(self):
        """A scan: the strongest access point of each network, as the port's scan gives it, the strongest first."""
        best = {}
        for row in self._app.board.radio.scan():
            if row[0] not in best or best[row[0]][1] < row[1]:
                best[row[0]] = row
        return sorted(best.values(), key=lambda row: -row[1])

    def _heard(self):
        known = [row[0] for row in self._networks()]
        return [row for row in self.heard() if row[0] in known]

    def _password(self, ssid):
        return dict(self._networks())[ssid]

    async def _join(self, ssid, password, bssid=None):
        self.ssid = ssid
        self.is_well = False
        verdict = await self._app.board.radio.join(ssid, password, _JOIN_MS, bssid)
        self._is_joined()
        return verdict

    def forget(self, ssid):
        """Leave it, if that is where the device is."""
        if ssid == self.ssid:
            self._app.board.radio.leave()

    def _is_joined(self):
        joined, _, rssi_dbm = self._app.board.radio.status()
        if joined != self.joined:
            self.joined = joined
            self.since_ms = self._app.clock.ms()
            self._app.log.event(_WIFI_JOINED if joined else _WIFI_LOST, rssi_dbm or 0)
        return joined
