"""The token service's HTTP API, by Starlette: the operations of operations.py behind credentials, and what they are as
OpenAPI. A till's answers leave after the sync that they wait for."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..errors import UsageFault
from . import openapi, wire
from .operations import OPERATIONS, Call, Forbidden, Operation
from .parties import Credential
from .rows import Missing, Refused
from .service import Repeated, Service, Unavailable
from .shares import BadTerms
from .tap import BadTap

_BODY_B = 16 * 1024
_POOL = ThreadPoolExecutor(40, "request")  # so many wait for a sync together, whatever the machine
KEY = re.compile(r"[\x21-\x7e]{1,64}")
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


def application(service: Service, tell: Callable[[wire.Result], None] = lambda result: None) -> Starlette:
    """tell: see wire.answer."""

    async def described(request: Request) -> Response:
        return answered(openapi.described(OPERATIONS))

    async def health(request: Request) -> Response:
        return answered({"ok": True})

    routes: list[BaseRoute] = [Route("/openapi.json", described), Route("/health", health)]
    routes += [Route(one.path, _route(service, one), methods=[one.method], name=one.name) for one in OPERATIONS]
    routes += [Route(path, _by_cbor(service, path, tell), methods=["POST"]) for path in wire.PATHS]
    return Starlette(routes=routes, exception_handlers={HTTPException: _problem, Exception: _fault})


def _route(service: Service, one: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def route(request: Request) -> Response:
        who = await _who(service, request)
        if who.scope not in one.scopes:
            raise HTTPException(403, f"this is for {' and '.join(one.scopes)}")
        key = _key(request) if one.keyed else ""
        if not all(_PART.fullmatch(part) for part in request.path_params.values()):
            raise HTTPException(404, "nothing has such a name")
        body = await _body(request, one)
        call = Call(service, one.name, who, dict(request.path_params), _query(request, one), body, key)
        found = await _run(lambda: one.run(call))
        if one.raw:
            kind, text = found
            return Response(text, media_type=kind, headers=_HEADERS)
        return answered(found, one.status)

    return route


def _by_cbor(
    service: Service, path: str, tell: Callable[[wire.Result], None]
) -> Callable[[Request], Awaitable[Response]]:
    """For tills behind a hub, which hands on what they say as it is."""

    async def route(request: Request) -> Response:
        who = await _who(service, request)
        if who.till is None:
            raise HTTPException(403, "this is for tills")
        till, data = who.till, await _read(request)
        if request.headers.get("content-type") != "application/cbor":
            raise HTTPException(415, "the body is CBOR")
        found = await _run(lambda: wire.answer(service, till, path, data, tell))
        return Response(found, media_type="application/cbor", headers=_HEADERS)

    return route


async def _run(work: Callable[[], Any]) -> Any:
    """In a thread; what is wrong becomes an answer."""
    try:
        return await asyncio.get_running_loop().run_in_executor(_POOL, work)
    except Missing as e:
        raise HTTPException(404, str(e)) from None
    except Refused as e:
        raise HTTPException(409, str(e)) from None
    except Repeated as e:
        raise HTTPException(422, str(e)) from None
    except Unavailable as e:
        raise HTTPException(503, str(e)) from None
    except Forbidden:
        raise HTTPException(403, "not with this credential") from None
    except (BadTap, BadTerms, UsageFault, ValueError) as e:
        raise HTTPException(400, str(e)) from None


async def _who(service: Service, request: Request) -> Credential:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    who = None
    if scheme.lower() == "bearer" and secret:
        who = await _run(lambda: service.credential(secret.strip()))
    if who is None:
        raise HTTPException(401, "who are you?", {"www-authenticate": "Bearer"})
    return who


def _key(request: Request) -> str:
    keys = request.headers.getlist("idempotency-key")
    if len(keys) != 1 or not KEY.fullmatch(keys[0]):
        raise HTTPException(400, "an Idempotency-Key is needed: 1 to 64 visible characters")
    return keys[0]


async def _body(request: Request, one: Operation) -> Any:
    data = await _read(request)
    if one.body is None:
        if data:
            raise HTTPException(400, "there is no body here")
        return None
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "the body is application/json")
    try:
        return msgspec.json.decode(data, type=one.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise HTTPException(400, str(e)) from None


async def _read(request: Request) -> bytes:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _BODY_B:
            raise HTTPException(413, f"a body has {_BODY_B} bytes at most")
    return data


def _query(request: Request, one: Operation) -> dict[str, Any]:
    """Each name once, and as the operation says."""
    names = [name for name, _ in request.query_params.multi_items()]
    if len(names) != len(set(names)) or set(names) - set(one.query):
        raise HTTPException(400, f"the query may have {', '.join(one.query) or 'nothing'}")
    return {name: _value(request, name, *about) for name, about in one.query.items()}


def _value(request: Request, name: str, schema: dict[str, Any], default: Any) -> Any:
    text = request.query_params.get(name)
    if text is None:
        return default
    if "enum" in schema:
        if text in schema["enum"]:
            return text
        raise HTTPException(400, f"{name} is one of {', '.join(schema['enum'])}")
    pattern = r"[0-9]{1,16}" if schema["type"] == "integer" else r"[0-9]{1,12}(\.[0-9]{1,9})?"
    found = float(text) if re.fullmatch(pattern, text, re.ASCII) else -1.0
    if not schema["minimum"] <= found <= schema["maximum"]:
        raise HTTPException(400, f"{name} is from {schema['minimum']} to {schema['maximum']:.0f}")
    return int(found) if schema["type"] == "integer" else found


def answered(told: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(told), status, _HEADERS, "application/json")


def _problem(request: Request, e: Exception) -> Response:
    assert isinstance(e, HTTPException)
    return JSONResponse({"error": str(e.detail)}, e.status_code, {**_HEADERS, **(e.headers or {})})


def _fault(request: Request, e: Exception) -> Response:
    return JSONResponse({"error": "a fault of the service's own"}, 500, _HEADERS)
