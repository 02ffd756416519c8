"""Devices that announce themselves, by DNS-SD (RFC 6763) on every network of this machine, loopback included."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import anyio
from zeroconf import DNSQuestionType, InterfaceChoice, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

_TYPE = "_tos._udp.local."
_ANSWER_MS = 1500  # a record is multicast once a second at most
_ID = re.compile(r"[\w.-]{1,80}")


@dataclass(frozen=True, order=True)
class Found:
    """What a device says of itself; nothing of it is proven. paired: whether it has an owner."""

    id: str
    host: str
    port: int
    model: str
    version: str
    paired: bool


async def find(device_id: str, timeout_s: float) -> tuple[str, int] | None:
    """-> (host, port) of that device as soon as it is heard of; None when it is not."""
    async with aclosing(_heard(timeout_s)) as devices:
        async for device in devices:
            if device.id == device_id:
                return device.host, device.port
    return None


async def browse(timeout_s: float) -> list[Found]:
    """All that are heard of in that time, by id."""
    async with aclosing(_heard(timeout_s)) as devices:
        return sorted({device async for device in devices})


async def _heard(timeout_s: float) -> AsyncGenerator[Found, None]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    devices: asyncio.Queue[Found] = asyncio.Queue()
    asking: set[asyncio.Task[None]] = set()

    async def ask(network: Zeroconf, name: str) -> None:
        info = AsyncServiceInfo(_TYPE, name)
        # Not QU: of several programs on port 5353, such an answer would reach any one.
        if await info.async_request(network, _ANSWER_MS, question_type=DNSQuestionType.QM):
            device = _read(info)
            if device:
                devices.put_nowait(device)

    def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is not ServiceStateChange.Removed:
            task = loop.create_task(ask(zeroconf, name))
            asking.add(task)
            task.add_done_callback(asking.discard)

    async with AsyncZeroconf(interfaces=InterfaceChoice.All, ip_version=IPVersion.V4Only) as network:
        browser = AsyncServiceBrowser(
            network.zeroconf, _TYPE, handlers=[changed], question_type=DNSQuestionType.QM
        )
        try:
            while True:
                with anyio.move_on_after(deadline - loop.time()) as looking:
                    device = await devices.get()
                if looking.cancelled_caught:
                    return
                yield device
        finally:
            await browser.async_cancel()
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)


def _read(info: AsyncServiceInfo) -> Found | None:
    """None for what no device of ours would say: anybody on a network may say anything."""
    hosts = info.parsed_addresses(IPVersion.V4Only)
    said = {key: value or "" for key, value in info.decoded_properties.items()}
    if not hosts or not info.port or not _ID.fullmatch(said.get("id", "")):
        return None
    model, version = (said.get(key, "") for key in ("model", "version"))
    if not (model + version).isprintable():
        return None
    return Found(said["id"], hosts[0], info.port, model, version, said.get("paired") == "1")
