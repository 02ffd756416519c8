"""Pairing, for the page and for programs: a code that was typed, or a picture of one, becomes a device of the hub."""

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...errors import HostError, Unreachable, UsageFault
from ...link import find
from ...link.pairing_code import Code, CodeError, parse
from ..guard import refused
from ..part import Part
from ..trust import NotFound
from ..web import body

if TYPE_CHECKING:
    from ..hub import Hub


class Pairing(Part):
    name = "pair"
    title = "Add device"
    module = "/page/pair.js"

    def __init__(self) -> None:
        self._one_picture = asyncio.Semaphore(1)  # of large ones several would take the memory that others need

    def routes(self, hub: "Hub") -> list[BaseRoute]:
        async def pair(request: Request) -> Response:
            told = await body(request)
            try:
                code, address = _code(told.get("code")), _address(told.get("address"))
                id = await hub.trust.pair(hub, code, address)
            except CodeError as e:
                return refused(400, str(e), group=e.group)
            except UsageFault as e:
                return refused(400, str(e))
            except NotFound as e:
                return refused(404, str(e))
            except Unreachable as e:
                return refused(504, str(e))
            except HostError as e:
                return refused(409, str(e))
            return JSONResponse({"id": id}, 201)

        async def check(request: Request) -> Response:
            told = await body(request)
            try:
                return JSONResponse({"id": _code(told.get("code")).device_id})
            except CodeError as e:
                return refused(400, str(e), group=e.group)

        async def photo(request: Request) -> Response:
            from ...link.picture import MOST_B, PictureError, read

            data = bytearray()
            async for chunk in request.stream():
                data += chunk
                if len(data) > MOST_B:
                    return refused(413, f"a picture has {MOST_B >> 20} MB at most")
            async with self._one_picture:
                try:
                    return JSONResponse({"code": await asyncio.to_thread(read, bytes(data))})
                except PictureError as e:
                    return refused(422, str(e))

        return [
            Route("/api/pair", pair, methods=["POST"]),
            Route("/api/pair/check", check, methods=["POST"]),
            Route("/api/pair/photo", photo, methods=["POST"]),
        ]


def _code(told: object) -> Code:
    if not isinstance(told, str):
        raise CodeError('the body is {"code": "tos:v1:..."}')
    return parse(told)


def _address(told: object) -> tuple[str, int] | None:
    """Raises UsageFault."""
    if told in (None, ""):
        return None
    if not isinstance(told, str):
        raise UsageFault("an address is HOST:PORT")
    return find.parsed(told)
