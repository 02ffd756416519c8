"""The hub's HTTP API (docs/hub.md), the page's files, and the live WebSocket. Starlette; guard.py stands before it."""

import asyncio
import contextlib
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from ..errors import HostError, Unreachable
from ..link import tell
from ..link.client import Client, LinkError
from ..words import WORDS
from . import said
from .guard import COOKIE, Guard, refused, session_of, source_of, too_early
from .live import Listener, dumps
from .password import Password
from .trust import NAME

if TYPE_CHECKING:
    from .house import Device
    from .hub import Hub

_PAGE = Path(__file__).parent / "page"
_BODY_B = 64 * 1024
_DAY_S = 86400.0
_POINTS, _POINTS_MOST = 500, 5000
_EVENTS, _EVENTS_MOST = 50, 500
_CLOSE_S = 2.0


def application(hub: "Hub", host: str, password: Password | None, more: list[BaseRoute]) -> ASGIApp:
    api = Api(hub, password)
    device = "/api/devices/{device}"
    routes: list[BaseRoute] = [
        Route("/", api.index),
        Mount("/page", StaticFiles(directory=_PAGE, check_dir=False)),
        Route("/api/health", api.health),
        Route("/api/house", api.house),
        Route("/api/events", api.events),
        Route("/api/login", api.login, methods=["POST"]),
        Route("/api/logout", api.logout, methods=["POST"]),
        Route(device, api.rename, methods=["PATCH"]),
        Route(device, api.forget, methods=["DELETE"]),
        Route(device + "/history/{path:path}", api.history),
        Route(device + "/log", api.log),
        Route(device + "/s/{path:path}", api.write, methods=["PUT"]),
        Route(device + "/rules", api.rules, methods=["PUT"]),
        Route(device + "/peers", api.peers),
        Route(device + "/peers/{peer:path}", api.revoke, methods=["DELETE"]),
        WebSocketRoute("/api/live", api.live),
        *more,
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _problem, _Refused: _refusal})
    return Guard(app, host, password)


class Api:
    """Each method is a resource of the API."""

    def __init__(self, hub: "Hub", password: Password | None) -> None:
        self._hub = hub
        self._password = password
        self._files = StaticFiles(directory=_PAGE, check_dir=False)

    async def index(self, request: Request) -> Response:
        return await self._files.get_response("index.html", request.scope)

    async def health(self, request: Request) -> Response:
        return _json({"ok": True, "devices": len(self._hub.devices), "pages": len(self._hub.live)})

    async def house(self, request: Request) -> Response:
        return _json(self._hub.view())

    async def events(self, request: Request) -> Response:
        before = _query(request, "before", int, None)
        limit = max(1, min(_EVENTS_MOST, _query(request, "limit", int, _EVENTS)))
        return _json({"events": await asyncio.to_thread(self._hub.store.events, before, limit)})

    async def history(self, request: Request) -> Response:
        device, now = self._device(request), time.time()
        since = _query(request, "since", float, now - _DAY_S)
        most = max(1, min(_POINTS_MOST, _query(request, "points", int, _POINTS)))
        path = request.path_params["path"]
        if path not in device.shown and path not in device.paths().values():
            raise HTTPException(404, f"{device.name} has no {path}")
        return _json({"points": await asyncio.to_thread(self._hub.store.history, device.id, path, since, now, most)})

    async def log(self, request: Request) -> Response:
        device = self._device(request)
        with _words():
            log = await self._client(device).log()
            try:
                ring = [tell.entry(line, device.identity.resources) for line in log.ring]
                names = {code: WORDS[code].name if code in WORDS else "?" for code in log.counts}
                counts = [{"code": code, "name": names[code], "times": times} for code, times in log.counts.items()]
                return _json({"ms": log.ms, "ring": ring, "counts": counts, "crash": log.crash})
            except (TypeError, ValueError, AttributeError):
                raise HostError("what the device says of its log cannot be understood") from None

    async def write(self, request: Request) -> Response:
        device, path = self._device(request), request.path_params["path"]
        if path not in device.paths().values():
            raise HTTPException(404, f"{device.name} has no {path}")
        told = await body(request)
        if "value" not in told:
            raise HTTPException(400, 'the body is {"value": ...}')
        with _words():
            value = said.value(told["value"])
            if device.link == "asleep" and device.paired:
                if not device.identity.resource(path).writable:
                    raise HostError(f"{path} can be read only")
                return JSONResponse({"queued": await self._hub.later(device, path, value)}, 202)
            await self._hub.now(device, path)
            await self._client(device).set(path, value)
        return Response(status_code=204)

    async def rules(self, request: Request) -> Response:
        device, told = self._device(request), await body(request)
        self._client(device)
        with _words():
            await self._hub.bindings.put_rules(device, told.get("rules"))
        return Response(status_code=204)

    async def peers(self, request: Request) -> Response:
        device = self._device(request)
        with _words():
            open_ms, peers = await self._client(device).peers()
        told = [{"name": peer.name, "role": peer.role, "paths": peer.paths} for peer in peers]
        return _json({"open_ms": open_ms, "peers": told})

    async def revoke(self, request: Request) -> Response:
        device, peer = self._device(request), request.path_params["peer"]
        if peer == NAME and device.paired:
            raise HTTPException(400, "that is this hub; forget the device instead")
        with _words():
            await self._client(device).revoke(peer)
            await self._hub.bindings.end(device.id, peer)
        return Response(status_code=204)

    async def rename(self, request: Request) -> Response:
        device, told = self._device(request), await body(request)
        name = told.get("name")
        if not isinstance(name, str) or not 1 <= len(name.strip()) <= 40 or not name.isprintable():
            raise HTTPException(400, "a name has 1 to 40 characters")
        self._hub.rename(device, name.strip())
        return Response(status_code=204)

    async def forget(self, request: Request) -> Response:
        await self._hub.forget(self._device(request))
        return Response(status_code=204)

    async def login(self, request: Request) -> Response:
        told, source = await body(request), source_of(request.scope)
        password = told.get("password")
        if not self._password:
            return refused(404, "this hub has no password")
        if early := too_early(self._password, source):
            return early
        if not isinstance(password, str) or not await self._password.right(password, source):
            return refused(401, "wrong password")
        answer = Response(status_code=204)
        secure = request.url.scheme == "https"
        answer.set_cookie(COOKIE, self._password.session(), httponly=True, samesite="strict", secure=secure)
        return answer

    async def logout(self, request: Request) -> Response:
        if self._password:
            self._password.end(session_of(request.headers))
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    async def live(self, socket: WebSocket) -> None:
        await socket.accept()
        listener = self._hub.live.join({"type": "house", **self._hub.view()})
        parts = [_send(socket, listener), _listen(socket), listener.behind.wait()]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.live.leave(listener)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if listener.behind.is_set():
            with anyio.move_on_after(_CLOSE_S) as closing:
                await socket.close(1013, "too slow")
            if closing.cancelled_caught:
                socket.scope["abort"]()  # it reads nothing at all

    def _device(self, request: Request) -> "Device":
        try:
            return self._hub.devices[request.path_params["device"]]
        except KeyError:
            raise HTTPException(404, "no such device") from None

    def _client(self, device: "Device") -> Client:
        if device.link == "asleep":
            raise HTTPException(504, f"{device.name} is asleep; it answers when it wakes up")
        return Client(*device.where(), self._hub.context, credentials=self._hub.trust.get(device.id))


async def body(request: Request) -> dict[str, Any]:
    """A JSON object. Raises HTTPException 400, 413."""
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _BODY_B:
            raise HTTPException(413, f"a body has {_BODY_B} bytes at most")
    try:
        told = json.loads(data, parse_constant=_no_constant)
        dumps(told).encode()  # no half characters either
    except (ValueError, RecursionError) as e:
        raise HTTPException(400, f"not JSON: {e}") from None
    if not isinstance(told, dict):
        raise HTTPException(400, "the body is a JSON object")
    return told


@contextlib.contextmanager
def _words() -> Any:
    """What a device, or the lack of one, answers, as the API tells it."""
    try:
        yield
    except LinkError as e:
        raise _Refused(str(e), e.code, e.answer) from None
    except Unreachable as e:
        raise HTTPException(504, str(e)) from None
    except HostError as e:
        raise _Refused(str(e), None, "") from None
    except ValueError as e:
        raise HTTPException(400, str(e)) from None


class _Refused(Exception):
    """By the device. args: words, its code or None, the CoAP answer."""


def _refusal(request: Request, e: Exception) -> Response:
    words, code, answer = e.args
    return refused(409, words, code=code, answer=answer)


def _problem(request: Request, e: Exception) -> Response:
    return refused(e.status_code, str(e.detail)) if isinstance(e, HTTPException) else refused(500, "")


def _json(told: Any) -> Response:
    return Response(dumps(told), media_type="application/json")


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _query(request: Request, name: str, kind: Callable[[str], Any], default: Any) -> Any:
    """A number of the query. Raises HTTPException 400."""
    try:
        number = kind(request.query_params.get(name, default))
    except (ValueError, TypeError):
        if name not in request.query_params:
            return default
        raise HTTPException(400, f"{name} is a number") from None
    if not math.isfinite(number) or abs(number) >= 2**63:
        raise HTTPException(400, f"{name} is a number")
    return number


async def _send(socket: WebSocket, listener: Listener) -> None:
    while True:
        await socket.send_text(await listener.queue.get())


async def _listen(socket: WebSocket) -> None:
    """Until it goes. What a page says is not listened to."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()
