"""The radio of ESP32 chips: a Wi-Fi station, an access point, and their sockets. ESP32 only."""

import _thread
import asyncio
import errno
import socket
from asyncio import core  # type: ignore[attr-defined]  # the stubs leave it out

import network
from micropython import const
from tos import ports
from tos.lazy import lend

_RESERVE_B = const(16384)

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

    def _joining(self):
        """What a device on its network does not need. Wi-Fi is about to need what was held for it."""
        if self._reserve:
            self._reserve.release()
            self._reserve = None
        return lend("ports.esp32.joining")

    def scan(self):
        """Blocks for some 2.5 s. No networks are found during a join. Hidden networks and names that are not UTF-8
        are left out."""
        return self._joining().scan(self._wlan)

    async def join(self, ssid, password, timeout_ms, bssid=None):
        """ValueError for an ssid or password that the driver would cut short. timeout_ms: less than it is lent for."""
        return await self._joining().join(self._wlan, self._clock, ssid, password or "", timeout_ms, bssid)

    def leave(self):
        self._wlan.disconnect()

    def status(self):
        if self._wlan.isconnected():
            ip = self._wlan.ipconfig("addr4")[0]
            if ip != "0.0.0.0":  # so while DHCP has lost the lease
                return True, ip, rssi_dbm(self._wlan)
        return False, None, None

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
        return self._joining().access_point(ssid, key)

    def end_access_point(self):
        network.WLAN(network.WLAN.IF_AP).active(False)

    async def tcp(self, serve, host, port):
        return await asyncio.start_server(serve, host, port), port


def rssi_dbm(wlan):
    """None while there is no association."""
    try:
        return wlan.status("rssi")
    except OSError:
        return None


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
