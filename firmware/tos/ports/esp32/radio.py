"""The radio of ESP32 chips: a Wi-Fi station, an access point, and their sockets. ESP32 only."""

import _thread
import asyncio
import errno
import socket
from asyncio import core  # type: ignore[attr-defined]  # the stubs leave it out

import network
from micropython import const
from tos import ports

_POLL_MS = const(100)
_PAUSE_MS = const(300)  # the driver ends an attempt by an event, a moment after it was told to
_ATTEMPT_MS = const(5000)  # unless it is associated by then; a scan takes 2.5 s
_GUESTS = const(4)
_LINGER_MS = const(5000)  # as long as a handshake lasts, a wrong password looks associated too

_RESERVE_B = const(16384)

_GOT_IP = network.STAT_GOT_IP
_WAITING = (network.STAT_IDLE, network.STAT_CONNECTING)

# wifi_err_reason_t of ESP-IDF. status() passes all of them through; network has names for some.
_VERDICTS = {
    15: ports.JOIN_WRONG_PASSWORD,  # 4WAY_HANDSHAKE_TIMEOUT, what WPA2 answers to a wrong password
    18: ports.JOIN_SECURITY,  # GROUP_CIPHER_INVALID
    19: ports.JOIN_SECURITY,  # PAIRWISE_CIPHER_INVALID
    20: ports.JOIN_SECURITY,  # AKMP_INVALID
    23: ports.JOIN_SECURITY,  # 802_1X_AUTH_FAILED
    24: ports.JOIN_SECURITY,  # CIPHER_SUITE_REJECTED
    29: ports.JOIN_SECURITY,  # BAD_CIPHER_OR_AKM
    200: ports.JOIN_NOT_FOUND,  # BEACON_TIMEOUT
    201: ports.JOIN_NOT_FOUND,  # NO_AP_FOUND
    202: ports.JOIN_WRONG_PASSWORD,  # AUTH_FAIL, to which MicroPython adds 205 CONNECTION_FAIL
    204: ports.JOIN_WRONG_PASSWORD,  # HANDSHAKE_TIMEOUT
    210: ports.JOIN_SECURITY,  # NO_AP_FOUND_W_COMPATIBLE_SECURITY
    211: ports.JOIN_SECURITY,  # NO_AP_FOUND_IN_AUTHMODE_THRESHOLD
    212: ports.JOIN_NOT_FOUND,  # NO_AP_FOUND_IN_RSSI_THRESHOLD
}

# What lwIP answers for a datagram that it could not send: no buffer, no route, no link (its ERR_IF has no errno and
# arrives as -1). MicroPython turns EAGAIN of a non-blocking sendto into ETIMEDOUT.
_LOST = (errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS, errno.EHOSTUNREACH, errno.ETIMEDOUT, -1)


class Radio:
    """The station is on from here, and never off: the random generator needs it.

    It never reconnects by itself; whoever calls join() again decides when.

    MicroPython's heap grows into that of IDF, without end: a device that had loaded its modules left Wi-Fi 1 KB, and
    no network could be joined. So some is held until then. What Python can take from IDF and give back is the stack of
    a thread; this one waits for a lock, and ends.
    """

    def __init__(self, clock):
        self._clock = clock
        self._wlan = network.WLAN(network.WLAN.IF_STA)
        self._wlan.active(True)
        self._reserve = _thread.allocate_lock()
        self._reserve.acquire()
        _thread.stack_size(_RESERVE_B)
        _thread.start_new_thread(self._reserve.acquire, ())
        _thread.stack_size(0)

    def _make_room(self):
        """Wi-Fi is about to need what was held for it."""
        if self._reserve:
            self._reserve.release()
            self._reserve = None

    def scan(self):
        """Blocks for some 2.5 s. No networks are found during a join. Hidden networks and names that are not UTF-8
        are left out."""
        self._make_room()
        found = []
        for name, bssid, _, rssi_dbm, security, _ in self._wlan.scan():
            try:
                ssid = str(name, "utf-8")
            except UnicodeError:
                continue
            if ssid:
                found.append((ssid, rssi_dbm, security != network.WLAN.SEC_OPEN, bssid))
        return found

    async def join(self, ssid, password, timeout_ms, bssid=None):
        """A failure is believed when it has been seen twice: a busy access point may answer like a wrong password.

        ValueError for an ssid or password that the driver would cut short.
        """
        password = password or ""
        if not 0 < len(ssid.encode()) <= 32 or len(password.encode()) > 64:
            raise ValueError(ssid)
        self._make_room()
        end = self._clock.ms() + timeout_ms
        reason = ports.JOIN_TIMEOUT
        seen = []
        while self._clock.ms() < end:
            verdict = await self._attempt(ssid, password, bssid, end)
            if verdict == ports.JOIN_OK:
                return verdict
            if verdict == ports.JOIN_SECURITY and 0 < len(password) < 8:
                verdict = ports.JOIN_WRONG_PASSWORD  # too short for any WPA network
            if verdict == ports.JOIN_NOT_FOUND and reason in (ports.JOIN_WRONG_PASSWORD, ports.JOIN_SECURITY):
                continue  # it was there a moment ago; some fall silent after a refusal
            if verdict is not None:
                reason = verdict
                if verdict in seen:
                    break
                seen.append(verdict)
        self.leave()
        return reason

    async def _attempt(self, ssid, password, bssid, end):
        """One association -> JOIN_*, or None if it ended without a verdict."""
        wlan = self._wlan
        clock = self._clock
        self.leave()
        await clock.sleep_ms(_PAUSE_MS)
        before = wlan.status()
        if before == _GOT_IP:  # not yet left
            return None
        try:
            wlan.config(reconnects=0)  # else the driver tries again and again, and status() stays at CONNECTING
            wlan.connect(ssid, password, bssid=bssid)
        except (OSError, RuntimeError):  # still busy with an earlier attempt
            return None
        began = clock.ms()
        linked = None
        fresh = False
        while True:
            await clock.sleep_ms(_POLL_MS)
            now = clock.ms()
            status = wlan.status()
            if status == _GOT_IP:
                return ports.JOIN_OK
            if self._rssi_dbm() is None:
                linked = None
            elif linked is None:
                linked = now
            late = linked is None and now - began >= _ATTEMPT_MS
            # The code of the attempt before may stay until this one ends. If this one ends alike, only time tells.
            fresh = fresh or status != before
            if status not in _WAITING and (fresh or late):
                return _VERDICTS.get(status)
            if late or now >= end:
                waited = linked is not None and now - linked >= _LINGER_MS
                return ports.JOIN_NO_ADDRESS if waited else None

    def leave(self):
        self._wlan.disconnect()

    def status(self):
        if self._wlan.isconnected():
            ip = self._wlan.ipconfig("addr4")[0]
            if ip != "0.0.0.0":  # so while DHCP has lost the lease
                return True, ip, self._rssi_dbm()
        return False, None, None

    def _rssi_dbm(self):
        """None while there is no association."""
        try:
            return self._wlan.status("rssi")
        except OSError:
            return None

    def ip(self):
        return self.status()[1]

    def udp(self, host, port, group=None):
        return Udp(host, port, group)

    def address(self, host, port):
        """A name would be looked up while everything waits, for longer than the watchdog does."""
        numbers = [int(number) for number in host.split(".")]
        if len(numbers) != 4 or not 0 <= min(numbers) <= max(numbers) <= 255 or not 0 < port < 65536:
            raise ValueError(host)
        return ".".join([str(number) for number in numbers]), port

    def parts(self, peer):
        return peer

    def access_point(self, ssid, key):
        """OSError when it is not what was wanted. It follows the station to the channel of the network that it joins,
        where its guests have to find it again."""
        self._make_room()
        wlan = network.WLAN(network.WLAN.IF_AP)
        security = network.WLAN.SEC_WPA2 if key else network.WLAN.SEC_OPEN
        wlan.active(True)  # ESP-IDF takes the settings of an interface only while it is there
        try:
            wlan.config(ssid=ssid, security=security, key=key or "", max_clients=_GUESTS)
            if wlan.config("security") != security:
                raise OSError(errno.EIO)
        except (OSError, RuntimeError):
            wlan.active(False)
            raise OSError(errno.EIO)
        return wlan.ipconfig("addr4")[0]

    def end_access_point(self):
        network.WLAN(network.WLAN.IF_AP).active(False)

    async def tcp(self, serve, host, port):
        return await asyncio.start_server(serve, host, port), port


class Udp:
    def __init__(self, host, port, group):
        self.port = port
        self._address = host, port
        self._most_b = 1 + (ports.FRAME_B if group else ports.DATAGRAM_B)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind(self._address)
            if group:  # on every interface
                member = bytes([int(number) for number in group.split(".")] + [0] * 4)
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        except OSError:
            self._socket.close()
            raise

    def recv(self):  # a coroutine in MicroPython's sense, as in its own asyncio.stream
        """OSError(EBADF) after close()."""
        while True:
            yield core._io_queue.queue_read(self._socket)
            try:
                datagram, peer = self._socket.recvfrom(self._most_b)
            except OSError as e:
                if e.errno != errno.EAGAIN:  # the datagram was dropped between poll and read
                    raise
                continue
            if datagram:
                return datagram, peer
            # To modsocket.c an empty datagram means that the peer has closed, on UDP too: from now on each read would
            # be empty. Binding again to the same address forgets that.
            self._socket.bind(self._address)

    def send(self, datagram, peer):
        try:
            self._socket.sendto(datagram, peer)
        except OSError as e:
            if e.errno not in _LOST:
                raise

    def close(self):
        self._socket.close()
