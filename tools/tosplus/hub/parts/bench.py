"""The bench of a simulated house, for the page: doors, buttons and broken sensors, by the simulator's own socket."""

from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..guard import refused
from ..part import Part
from ..web import body

if TYPE_CHECKING:
    from ..hub import Hub

_ANSWER_S = 10.0


class Bench(Part):
    """Only with `tos hub --bench SOCKET`. All that the hub knows of a simulator is here."""

    name = "bench"
    title = "The world"
    module = "/page/bench.js"

    def wanted(self, hub: "Hub") -> bool:
        return hub.bench is not None

    def routes(self, hub: "Hub") -> list[BaseRoute]:
        async def levers(request: Request) -> Response:
            return await _ask(hub, "GET", "/devices")

        async def move(request: Request) -> Response:
            device, lever = (quote(request.path_params[key], safe="") for key in ("device", "lever"))
            return await _ask(hub, "POST", f"/devices/{device}/{lever}", await body(request))

        return [
            Route("/api/bench", levers),
            Route("/api/bench/{device}/{lever}", move, methods=["POST"]),
        ]


async def _ask(hub: "Hub", method: str, path: str, told: object = None) -> Response:
    transport = httpx.AsyncHTTPTransport(uds=str(hub.bench))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://bench", timeout=_ANSWER_S) as client:
            answer = await client.request(method, path, json=told)
    except httpx.HTTPError as e:
        return refused(504, f"the bench does not answer ({type(e).__name__}); does the simulated house run?")
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))
