"""The captive portal on the device's own access point: DNS that leads here, and a form. MicroPython.

Whoever asks for anything else, as phones do to find out whether they are on the internet, is sent to the form.
"""

import asyncio
from binascii import hexlify

from micropython import const
from tos import provision
from tos.portal_page import FORM_TYPE, page
from toscore import dns, http
from toscore.errors import TosError, WireError

_HTTP_PORT = const(80)
_CONNECTIONS = const(4)  # at a time; a phone opens two or three
_EXCHANGE_MS = const(5000)
_CHUNK_B = const(512)
_RESCAN_MS = const(10000)
_QUIET_MS = const(60000)

_HEAD = (
    "HTTP/1.1 %s\r\nCache-Control: no-store\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'\r\n%s\r\n"
)


class Portal:
    """authority: where it is, as in a URL. A password goes from a form to the radio, and into no page and no log."""

    def __init__(self, app, machine):
        self._app = app
        self._machine = machine
        self._networks = machine.net.heard()  # now, for a scan takes the radio away from whom it serves
        self._scanned_ms = app.clock.ms()
        self._token = hexlify(app.board.rng(8)).decode()  # in the form: no other page can send it
        self._ssid = ""  # what was last tried from here
        self._udp = self._server = None
        self._tasks = []
        self.authority = ""

    async def open(self, ip):
        radio = self._app.board.radio
        self._ip = bytes([int(number) for number in ip.split(".")])
        self._udp = radio.udp(ip, dns.PORT)
        self._tasks.append(asyncio.create_task(self._lead()))
        self._server, port = await radio.tcp(self._connected, ip, _HTTP_PORT)
        self.authority = ip if port == _HTTP_PORT else "%s:%d" % (ip, port)

    async def close(self):
        """When it returns, nothing of it runs any more."""
        tasks = list(self._tasks)
        if self._server:
            self._server.close()
            tasks.append(self._server.task)
        for task in tasks:
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
        if self._udp:
            self._udp.close()

    async def _lead(self):
        while True:
            query, peer = await self._udp.recv()
            try:
                self._udp.send(dns.answer(query, self._ip), peer)
            except WireError:  # what phones say on port 53 must not fill the ring
                pass

    async def _connected(self, stream, _):
        if len(self._tasks) > _CONNECTIONS:  # and that of the names
            await stream.wait_closed()
            return
        task = asyncio.current_task()
        self._tasks.append(task)
        try:
            await asyncio.wait_for_ms(self._exchange(stream), _EXCHANGE_MS)
        except (asyncio.TimeoutError, OSError, MemoryError):
            pass
        finally:
            self._tasks.remove(task)
            await stream.wait_closed()

    async def _exchange(self, stream):
        self._machine.net.quiet_until_ms = self._app.clock.ms() + _QUIET_MS
        try:
            found = await self._request(stream)
        except WireError as e:
            self._app.log.event(e.code)
            await _send(stream, "400 Bad Request")
            return
        if found is None:
            return
        method, path, host, body = found
        if method not in ("GET", "HEAD", "POST"):
            await _send(stream, "405 Method Not Allowed", "Allow: GET, HEAD, POST\r\n")
        elif host != self.authority or path != "/":
            if host == self.authority and path == "/again":
                self._look_again()
            await self._redirect(stream, "302 Found")
        elif method == "POST":
            if self._take(body):
                await self._redirect(stream, "303 See Other")
            else:
                await _send(stream, "403 Forbidden")
        else:
            await _send(stream, "200 OK", FORM_TYPE, () if method == "HEAD" else self._page())

    async def _request(self, stream):
        """-> (method, path, host, body), or None when the client has gone."""
        data = b""
        found = None
        while found is None or len(data) < found[4] + found[3]:
            more = await stream.read(_CHUNK_B)
            if not more:
                return None
            data += more
            found = found or http.request(data)
        method, path, host, length, at = found
        return method, path, host, data[at : at + length]

    async def _redirect(self, stream, status):
        await _send(stream, status, "Location: http://%s/\r\nContent-Length: 0\r\n" % self.authority)

    def _look_again(self):
        now = self._app.clock.ms()
        if now - self._scanned_ms >= _RESCAN_MS and self._machine.state != provision.PROVISIONING:
            self._networks = self._machine.net.heard()
            self._scanned_ms = now

    def _take(self, body):
        """A form. Whether it is one that this portal has given out; what comes of it, the page tells."""
        try:
            form = http.form(body)
            if form.get("token") != self._token:
                return False
            ssid = form.get("other") or form.get("ssid", "")
            self._machine.offer(ssid, form.get("password", ""))
            self._ssid = ssid
        except TosError as e:
            self._app.log.event(e.code)
        return True

    def _page(self):
        machine = self._machine
        return page(self._app.name, self._token, self._networks, self._ssid, machine.state, machine.verdict)


async def _send(stream, status, more="", pieces=()):
    stream.write((_HEAD % (status, more)).encode())
    for piece in pieces:
        stream.write(piece.encode())
        await stream.drain()  # piece by piece: a page as a whole would need one large piece of the heap
    await stream.drain()
