"""The bench of a house, for a program beside it: HTTP on a Unix domain socket, JSON, to touch and break the world.

GET  /devices               {device id: {"name", "on", "asleep", "levers": [...]}}, see lever.py
POST /devices/{id}/{lever}  {"value": ...} -> 204; 400, 404, or 409 while it cannot be done: {"error": words}
"""

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import cbor2
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import HostError, Unreachable
from ..link.schema import Identity
from ..paths import shown
from .device import Device
from .house import House
from .lever import CUT, KILL, PLUG, Lever, levers

_ANSWER_S = 2.0
_RELEASE_S = 30.0  # a finger leaves its button even if the device restarts meanwhile
_PRESS_MS = 150  # of the device's time: an app looks at its buttons every 50 ms
_PRESS_AT_LEAST_S = 0.1
_LOOK_S = 0.02


@contextlib.asynccontextmanager
async def serve(house: House, path: Path) -> AsyncIterator[None]:
    """The bench of a running house at this socket, for its owner alone, while the context is entered."""
    app = _app(dict(_place(device, house.identities[device.name]) for device in house.devices.values()))
    with _listener(path) as listener:
        server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not (server.started or serving.done()):
                await asyncio.sleep(_LOOK_S)
            yield
        finally:
            server.should_exit = True
            await serving


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # Ctrl-C belongs to the program around the house


@contextlib.contextmanager
def _listener(path: Path) -> Iterator[socket.socket]:
    """Bound, not yet listening: until its mode is set nobody can connect."""
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            if path.is_socket() and not _answers(path):
                path.unlink()  # left by a process that was killed
            listener.bind(str(path))
        except OSError as e:
            raise HostError(f"no bench at {shown(path)}: {e.strerror or e}\nChoose another --bench.") from None
        try:
            os.chmod(path, 0o600)
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        return True


def _place(device: Device, about: bytes) -> "tuple[str, _Place]":
    identity = Identity.from_wire(cbor2.loads(about))
    return identity.id, _Place(device, {lever.name: lever for lever in levers(identity)})


def _app(places: "dict[str, _Place]") -> Starlette:
    async def show(request: Request) -> Response:
        seen = await asyncio.gather(*(place.look() for place in places.values()))
        return JSONResponse(dict(zip(places, seen, strict=True)))

    async def move(request: Request) -> Response:
        place = places.get(request.path_params["id"])
        if not place:
            raise HTTPException(404, "no such device on this bench")
        await place.move(request.path_params["lever"], _value(await request.body()))
        return Response(status_code=204)

    async def refuse(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)
        return JSONResponse({"error": str(error).partition("\n")[0]}, 409)

    return Starlette(
        routes=[Route("/devices", show), Route("/devices/{id}/{lever}", move, methods=["POST"])],
        exception_handlers={HTTPException: refuse, HostError: refuse},
    )


def _value(body: bytes) -> Any:
    """The value in {"value": ...}; None where the body is empty or says nothing of it."""
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise HTTPException(400, 'give a JSON object: {"value": ...}')
    return data.get("value")


class _Place:
    """A device on the bench, with its levers by name."""

    def __init__(self, device: Device, levers: dict[str, Lever]) -> None:
        self._device = device
        self._levers = levers
        self._finger = asyncio.Lock()

    async def look(self) -> dict[str, Any]:
        """What GET shows. A toggle of a device that is off, or does not answer, has no value."""
        world: dict[str, Any] = {"signals": {}, "failing": None}
        if self._device.is_on or self._device.is_asleep:
            with contextlib.suppress(Unreachable):
                world = await self._device.control("get", timeout_s=_ANSWER_S)
        values = {name: world["signals"].get(lever.signal) for name, lever in self._levers.items()}
        values["probe"] = None if world["failing"] is None else "probe_mv" in world["failing"]
        values["plug"] = self._device.is_plugged
        if self._device.nfc:
            values["near"] = self._device.nfc.antenna.is_near
        rows = [lever.row(values[name] if lever.kind == "toggle" else None) for name, lever in self._levers.items()]
        state = {"on": self._device.is_on, "asleep": self._device.is_asleep}
        return {"name": self._device.name, **state, "levers": rows}

    async def move(self, name: str, value: Any) -> None:
        """Raises HTTPException 404, 400 or 409, and HostError if the device does not follow."""
        lever = self._levers.get(name)
        if not lever:
            raise HTTPException(404, f"{self._device.name} has no {name}; it has {', '.join(self._levers)}")
        if lever.kind == "toggle" and not isinstance(value, bool):
            raise HTTPException(400, f"{name}: give true for {lever.words[1]}, false for {lever.words[0]}")
        if lever.kind == "choice" and value not in lever.options:
            raise HTTPException(400, f"{name}: give one of {', '.join(lever.options)}")
        if not (self._device.is_on or self._device.is_asleep) and lever is not PLUG:
            why = "off; it starts again by itself" if self._device.is_plugged else "unplugged"
            raise HTTPException(409, f"{self._device.name} is {why}")
        if lever is PLUG:
            await self._plug(value)
        elif lever is KILL:
            await self._device.kill()
        elif lever is CUT:
            await self._device.power_cut(after=1, tear="half")
        elif lever.kind == "press":
            await self._press(lever.signal)
        elif lever.kind == "choice":
            await self._control("append", signal=lever.signal, value=value)
        elif name == "near" and self._device.nfc:
            self._device.nfc.antenna.move(value)
        elif name == "probe":
            await self._control("fail", signal=lever.signal, failing=value)
        else:
            await self._control("set", signal=lever.signal, value=value)

    async def _plug(self, plugged: bool) -> None:
        if plugged:
            self._device.plug()
        else:
            await self._device.unplug()

    async def _press(self, signal: str) -> None:
        """Down and up, each until an app that polls has seen it, so that two presses are two."""
        async with self._finger:
            await self._control("set", signal=signal, value=True)
            try:
                await self._passes()
            finally:
                await self._device.control("set", _RELEASE_S, signal=signal, value=False)
            await self._passes()

    async def _passes(self) -> None:
        """A moment, by the device's clock; one that a busy host does not shorten."""
        if not self._device.rate:
            await self._control("advance", ms=_PRESS_MS)
            return
        began = (await self._control("get"))["ms"]
        await asyncio.sleep(_PRESS_AT_LEAST_S)
        while began <= (await self._control("get"))["ms"] < began + _PRESS_MS:
            await asyncio.sleep(_LOOK_S)

    async def _control(self, op: str, **arguments: Any) -> dict[str, Any]:
        return await self._device.control(op, _ANSWER_S, **arguments)
