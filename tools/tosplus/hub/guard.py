"""Who may speak with the hub by HTTP: its own names, its own pages, and with a password those who know it. ASGI."""

import base64
import binascii
import ipaddress
import socket
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from math import ceil
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from .password import Password

COOKIE = "tos_session"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_OPEN = ("/", "/api/login", "/api/health")
_OPEN_BELOW = ("/page/", "/o/")  # what devices fetch is signed, and its address is not guessed
# None of these may be sent by a page of somebody else without being asked first (CORS).
_KINDS = {
    "/api/pair/photo": ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"),
    "/api/updates/bundles": ("application/octet-stream",),
}
_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Around the whole application. host: what the hub listens on."""

    def __init__(self, app: ASGIApp, host: str, password: Password | None) -> None:
        self._app = app
        self._own = _owner(host)
        self._password = password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                headers.update(_HEADERS)
                headers.setdefault("cache-control", "no-store" if scope["path"].startswith("/api") else "no-cache")
            await send(message)

        refusal = self._refusal(scope) or await self._stranger(scope)
        if not refusal:
            await self._app(scope, receive, answer)
        elif scope["type"] == "http":
            await refusal(scope, receive, answer)
        else:
            await WebSocket(scope, receive, answer).send_denial_response(refusal)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if len(headers.getlist("host")) != 1 or not self._own(_name(host)):
            # A page of somebody else whose name was made to point here (DNS rebinding) says that name.
            return refused(421, "this hub goes by another name")
        writes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if writes and origin is not None and not _same(origin, host):
            return refused(403, "only the hub's own page may do this")
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        if has_body and kind not in _KINDS.get(scope["path"], ("application/json",)):
            return refused(415, f"bodies are {' or '.join(_KINDS.get(scope['path'], ('application/json',)))}")
        return None

    async def _stranger(self, scope: Scope) -> JSONResponse | None:
        path = scope["path"]
        if not self._password or path in _OPEN or path.startswith(_OPEN_BELOW):
            return None
        headers = Headers(scope=scope)
        if self._password.knows(session_of(headers)):
            return None
        given = _basic(headers.get("authorization", ""))
        if given is None:
            return refused(401, "log in first")
        source = source_of(scope)
        if await self._password.right(given, source):
            return None
        return too_early(self._password, source) or refused(401, "wrong password")


def refused(status: int, text: str, **more: Any) -> JSONResponse:
    return JSONResponse({"error": text, **more}, status)


def too_early(password: Password, source: str) -> JSONResponse | None:
    """The answer to one who has guessed too often, for a while."""
    wait_s = password.wait_s(source)
    if not wait_s:
        return None
    answer = refused(429, f"too many wrong passwords; wait {ceil(wait_s)} s")
    answer.headers["retry-after"] = str(ceil(wait_s))
    return answer


def source_of(scope: Scope) -> str:
    return str((scope.get("client") or ("",))[0])


def session_of(headers: Headers) -> str:
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""


def _owner(host: str) -> Callable[[str], bool]:
    """host -> whether a name is the hub's own."""
    names = {*_LOOPBACK, host.lower()}
    if host not in ("0.0.0.0", "::"):
        return lambda name: name in names
    machine = socket.gethostname().lower()
    names |= {machine, f"{machine.partition('.')[0]}.local"}

    def own(name: str) -> bool:
        try:
            return name in names or bool(ipaddress.ip_address(name))  # an address cannot be rebound
        except ValueError:
            return False

    return own


def _name(host: str) -> str:
    """Of a Host header: without port and brackets; "" when it is none."""
    try:
        parts = urlsplit(f"//{host}")
        sound = parts.netloc == host and "@" not in host and parts.port != 0
    except ValueError:
        return ""
    return (sound and parts.hostname) or ""


def _same(origin: str, host: str) -> bool:
    scheme, _, where = origin.partition("://")
    return scheme in ("http", "https") and where.lower() == host.lower()


def _basic(header: str) -> str | None:
    """The password of HTTP Basic (RFC 7617), whatever the name."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password if colon else None
