"""A house of fifty simulated devices and its hub: how soon all are live, and what they cost at rest."""

import asyncio
import contextlib
import os
import time
from pathlib import Path

import httpx
from push import hub
from tosplus import ports, state
from tosplus.sim.house import House, Plan

_APPS = ("kettle", "fridge", "lamp", "tv", "till")
_REST_S = 10


async def fifty(folder):
    """(s until the hub calls all live, CPU share of the hub, of all devices), 1 for one core; at life's own rate."""
    port, coap = ports.free(), ports.free()
    plan = Plan("fifty", 1, 20.0, None, {f"{app}_{n}": app for app in _APPS for n in range(10)})
    os.chdir(folder)
    with hub(Path("hub"), port, coap) as pid:
        began = time.monotonic()
        async with House(plan, hub=f"127.0.0.1:{coap}", plain=True) as house, httpx.AsyncClient() as page:
            while await _live(page, port) < len(plan.devices):
                await asyncio.sleep(0.1)
            live_s = time.monotonic() - began
            await asyncio.sleep(2)
            pids = [run.pid for device in house.devices.values() if (run := state.read(device.state_dir))]
            before = _cpu_s([pid]), _cpu_s(pids)
            await asyncio.sleep(_REST_S)
            after = _cpu_s([pid]), _cpu_s(pids)
            assert await _live(page, port) == len(plan.devices)
    return live_s, *[(b - a) / _REST_S for a, b in zip(before, after)]


async def _live(page, port):
    with contextlib.suppress(httpx.TransportError):
        house = (await page.get(f"http://127.0.0.1:{port}/api/house")).json()
        return sum(device["link"] == "live" for device in house["devices"])
    return 0


def _cpu_s(pids):
    """User and system time so far of these processes, by Linux's /proc/PID/stat."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
