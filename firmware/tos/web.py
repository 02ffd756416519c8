"""The bytes of an update from a web server, by HTTP/1.1 with Range (RFC 9110 section 14). MicroPython; see ota.py.

Nothing here is trusted: what comes is compared with the hashes that the maker signed. There is no TLS, and no secret.
"""

import asyncio

from micropython import const
from toscore.errors import WireError

_OTA_SOURCE = const(438)
_OTA_REDIRECT = const(442)
_OTA_ANSWER = const(443)

_PATIENCE_MS = const(20000)  # by the clock, without a byte
_REDIRECTS = const(3)
_LINES = const(40)
_LINE_B = const(512)
_PIECE_B = const(1024)


async def pull(app, where, offset, sink, is_wanted):
    """As that of pull.py: the bytes from an offset on to sink(offset, piece), as long as they come. A server that does
    not know Range sends all of it, and what is here already passes by."""
    me = asyncio.current_task()
    heard = [0, False]  # pieces, and whether patience is at its end

    async def watch():
        seen = None
        while seen != heard[0]:
            seen = heard[0]
            await app.clock.sleep_ms(_PATIENCE_MS)
        heard[1] = True
        me.cancel()

    watching = asyncio.create_task(watch())
    try:
        for _ in range(_REDIRECTS + 1):
            where = await _fetch(where, offset, sink, is_wanted, heard)
            if where is None:
                return
        raise WireError(_OTA_REDIRECT)
    except asyncio.CancelledError:
        if not heard[1]:
            raise
    except OSError:  # not there now, or gone in the middle
        pass
    finally:
        watching.cancel()


async def _fetch(where, offset, sink, is_wanted, heard):
    """-> where else to look, or None at the end."""
    _, _, host, port, path = where
    reader, writer = await asyncio.open_connection(host, port)
    try:
        ask = "GET /%s HTTP/1.1\r\nHost: %s:%d\r\nRange: bytes=%d-\r\nConnection: close\r\n\r\n"
        writer.write((ask % (path, host, port, offset)).encode())
        await writer.drain()
        status, headers = await _head(reader)
        if status in (301, 302, 303, 307, 308):
            return _location(headers.get("location"), where)
        if status not in (200, 206) or headers.get("transfer-encoding") or headers.get("content-encoding"):
            raise WireError(_OTA_SOURCE, status)
        passes = offset
        if status == 206:
            if not headers.get("content-range", "").startswith("bytes %d-" % offset):
                raise WireError(_OTA_ANSWER, status)
            passes = 0
        while is_wanted():
            piece = await reader.read(_PIECE_B)
            if not piece:
                break
            heard[0] += 1
            if passes >= len(piece):
                passes -= len(piece)
                continue
            sink(offset, piece[passes:])
            offset += len(piece) - passes
            passes = 0
    finally:
        writer.close()
        await writer.wait_closed()


async def _head(reader):
    """(status, {name: value}) with the names that count. WireError for what is no answer."""
    words = (await _line(reader)).split(" ", 2)
    if words[0][:5] != "HTTP/" or len(words) < 2 or not words[1].isdigit():
        raise WireError(_OTA_ANSWER)
    headers = {}
    for _ in range(_LINES):
        line = await _line(reader)
        if not line:
            return int(words[1]), headers
        name, _, value = line.partition(":")
        name = name.lower()
        if name in ("location", "content-range", "transfer-encoding", "content-encoding"):
            headers[name] = value.strip()
    raise WireError(_OTA_ANSWER)


async def _line(reader):
    line = b""
    while not line.endswith(b"\n"):
        byte = await reader.read(1)
        if not byte:
            raise OSError
        line += byte
        if len(line) > _LINE_B:
            raise WireError(_OTA_ANSWER)
    try:
        return str(line, "utf-8").strip()
    except UnicodeError:
        raise WireError(_OTA_ANSWER)


def _location(url, where):
    try:
        if url[:1] == "/":
            return where[:4] + [url[1:]]
        if url[:7] != "http://":
            raise ValueError
        host, path = url[7:].split("/", 1)
        host, port = host.split(":") if ":" in host else (host, 80)
        return [None, "http", host, int(port), path]
    except (ValueError, TypeError):
        raise WireError(_OTA_REDIRECT)
