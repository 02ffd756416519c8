"""Updates, for the page and for `tos ota`: bundles that are brought here, and who gets them when."""

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ...errors import HostError
from ..bundles import MOST_B
from ..guard import refused
from ..part import Part
from ..web import body

if TYPE_CHECKING:
    from ..hub import Hub

_WORDS = ("pause", "resume", "halt")


class Updates(Part):
    """Bundles themselves are at /o/ID, for devices and whoever else has the address: signed, and no secret."""

    name = "updates"
    title = "Updates"
    module = "/page/updates.js"

    def routes(self, hub: "Hub") -> list[BaseRoute]:
        rollouts = hub.rollouts

        async def updates(request: Request) -> Response:
            return JSONResponse({"rollouts": rollouts.view(), **rollouts.bundles.view()})

        async def trust(request: Request) -> Response:
            told = await body(request)
            try:
                return JSONResponse({"kid": rollouts.bundles.trust(bytes.fromhex(str(told.get("key"))))}, 201)
            except ValueError:
                return refused(400, 'the body is {"key": "x and y, as hex"}')
            except HostError as e:
                return refused(409, str(e))

        async def bring(request: Request) -> Response:
            data = bytearray()
            async for chunk in request.stream():
                data += chunk
                if len(data) > MOST_B:
                    return refused(413, f"a bundle has {MOST_B >> 20} MB at most")
            try:
                kept = await rollouts.bundles.add(bytes(data), rollouts.needed(), time.time())
            except HostError as e:
                return refused(409, str(e))
            return JSONResponse(kept.view(), 201)

        async def begin(request: Request) -> Response:
            told = await body(request)
            kept = rollouts.bundles.get(str(told.get("bundle")))
            if kept is None:
                return refused(404, "no such bundle; bring it first")
            try:
                waves, names = _texts(told.get("waves", ["100%"])), told.get("devices")
                halt_at, paused = _share(told.get("halt_at")), told.get("paused", False) is True
                made = await rollouts.begin(kept, waves, halt_at, None if names is None else _texts(names), paused)
            except ValueError as e:
                return refused(400, str(e))
            except HostError as e:
                return refused(409, str(e))
            return JSONResponse(made.view(), 201)

        async def order(request: Request) -> Response:
            rollout = rollouts.get(request.path_params["id"])
            if rollout is None or request.path_params["word"] not in _WORDS:
                return refused(404, "no such rollout, or nothing that can be done with it")
            try:
                await rollouts.order(rollout, request.path_params["word"])
            except HostError as e:
                return refused(409, str(e))
            return Response(status_code=204)

        async def bundle(request: Request) -> Response:
            kept = rollouts.bundles.get(request.path_params["id"])
            if kept is None:
                return refused(404, "no such bundle")
            return FileResponse(rollouts.bundles.file(kept.id), media_type="application/octet-stream")

        return [
            Route("/api/updates", updates),
            Route("/api/updates/keys", trust, methods=["POST"]),
            Route("/api/updates/bundles", bring, methods=["POST"]),
            Route("/api/updates/rollouts", begin, methods=["POST"]),
            Route("/api/updates/rollouts/{id:int}/{word}", order, methods=["POST"]),
            Route("/o/{id}", bundle),
        ]

    async def run(self, hub: "Hub") -> None:
        await hub.rollouts.run()


def _texts(told: Any) -> Sequence[str]:
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        raise ValueError("waves and devices are lists of texts")
    return told


def _share(told: Any) -> float | None:
    if told is None:
        return None
    if isinstance(told, bool) or not isinstance(told, (int, float)) or not 0 <= told <= 1 or not math.isfinite(told):
        raise ValueError("halt_at is a share, 0 to 1")
    return float(told)
