"""Money, for the page: what the token service says, a token's brake, statements to take along, and the latest taps."""

import asyncio
import re
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...errors import Unreachable
from ..books import told
from ..guard import refused
from ..part import Part
from ..token_service import NoAnswer

if TYPE_CHECKING:
    from ..hub import Hub

_TRANSFERS = 50
_ASKED = ("/v1/tokens", "/v1/accounts", f"/v1/ledger?limit={_TRANSFERS}", "/v1/merchants")
_PARTY = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_KINDS = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "beancount": "text/plain; charset=utf-8",
}


class Money(Part):
    """Only with `tos hub --tokens URL`. The hub asks and hands on, and keeps nothing of it."""

    name = "money"
    title = "Money"
    module = "/page/money.js"

    def wanted(self, hub: "Hub") -> bool:
        return hub.tokens is not None

    def routes(self, hub: "Hub") -> list[BaseRoute]:
        service = hub.tokens
        assert service

        async def money(request: Request) -> Response:
            try:
                return JSONResponse(told(*await asyncio.gather(*[service.get(path) for path in _ASKED])))
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                return refused(502, "what the token service says cannot be understood")
            except (Unreachable, NoAnswer) as e:
                return _no(e)

        async def become(request: Request) -> Response:
            word = request.path_params["word"]
            if word not in ("suspend", "resume"):
                return refused(404, "a token can be suspended and resumed here")
            try:
                now = await service.become(request.path_params["id"], word)
            except (Unreachable, NoAnswer) as e:
                return _no(e)
            hub.live.send({"type": "money"})
            return JSONResponse(now)

        async def statement(request: Request) -> Response:
            party, kind = request.path_params["party"], request.query_params.get("format", "json")
            if kind not in _KINDS or not _PARTY.fullmatch(party):
                return refused(404, f"a party, and format={', '.join(_KINDS)}")
            try:
                text = await service.statement(party, kind)
            except (Unreachable, NoAnswer) as e:
                return _no(e)
            headers = {"content-disposition": f'attachment; filename="{party}.{kind}"', "content-type": _KINDS[kind]}
            return Response(text, headers=headers)

        async def taps(request: Request) -> Response:
            return JSONResponse(hub.taps.view())

        return [
            Route("/api/money", money),
            Route("/api/money/tokens/{id}/{word}", become, methods=["POST"]),
            Route("/api/money/statements/{party}", statement),
            Route("/api/money/taps", taps),
        ]

    async def run(self, hub: "Hub") -> None:
        await hub.taps.run()


def _no(e: Unreachable | NoAnswer) -> Response:
    return refused(e.status if isinstance(e, NoAnswer) else 504, str(e))
