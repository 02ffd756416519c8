"""A rule of one device that sets something on another: over the wire, with nobody between them."""

import asyncio
import contextlib
import os
import random
import socket

import httpx
import pytest
from lossy import HOST, Rough
from soon import asleep, soon
from tosplus import ports
from tosplus.demo.beside import Beside
from tosplus.link.client import Client
from tosplus.sim.device import Device
from trust import Asking, credentials, pair_with

DONE, UNKNOWN, REFUSES, SILENT, UNSEALED = 219, 394, 395, 396, 372


class Two:
    """A device whose button shall toggle the TV, and the TV, with an owner for each."""

    def __init__(self, sender, tv, owners):
        self.sender, self.tv = sender, tv
        self.owners = owners

    async def together(self, where=None, rule=None, paths=("power",)):
        """They get a key of their own, and the sender a rule. where: the TV is called."""
        secret, salt = os.urandom(16), os.urandom(8)
        one = {0: secret, 1: salt, 2: b"\x81", 3: b"\x82", 6: 6, 7: [], 8: "{}:{}".format(*(where or self.tv.link))}
        other = {0: secret, 1: salt, 2: b"\x82", 3: b"\x81", 6: 6, 7: list(paths)}
        await self.ask(self.tv, "PUT", "p/button", other)
        await self.ask(self.sender, "PUT", "p/tv", one)
        if rule is not None:
            await self.ask(self.sender, "PUT", "b", [rule])

    async def ask(self, device, method, path, payload=None):
        response = await self.owners[device].ask(method, path, payload)
        assert response.code.is_successful(), (response.code, response.payload)

    async def count(self, code, device=None):
        return (await self.owners[device or self.sender].get("l"))[2].get(code, 0)

    async def power(self):
        return (await self.tv.control("get"))["signals"]["relay"]

    async def press(self):
        for down in (True, False):
            await self.sender.control("set", signal="button", value=down)
            while await self.owners[self.sender].get("s/button") is not down:
                await asyncio.sleep(0.02)

    async def becomes(self, wanted):
        async def is_so():
            return await self.power() is wanted

        await soon(is_so, f"power stays {not wanted}")

    async def until(self, code, times=1):
        async def came():
            return await self.count(code) >= times

        await soon(came, f"{code} did not come {times} times")


PRESSED = {0: 0, 3: "press", 4: ["tv", "power"]}  # of a lamp


def two(tmp_path, test, sender="lamp", rate=20, tv_rate=1, timeout_s=240):
    async def main():
        async with contextlib.AsyncExitStack() as stack:
            devices = []
            for app, speed in ((sender, rate), ("tv", tv_rate)):
                device = Device(app, state_dir=tmp_path / app, rate=speed, hub="")
                devices.append(await stack.enter_async_context(device))
            owners = {}
            for device in devices:
                await device.ready()
                context = credentials(await pair_with(device), tmp_path)
                owners[device] = await stack.enter_async_context(Asking(device, context))
                assert (await owners[device].get("d"))[1] in (sender, "tv")
            await test(Two(*devices, owners))

    asyncio.run(asyncio.wait_for(main(), timeout_s))


def test_a_button_toggles_after_restarts_of_either_and_a_new_key(tmp_path):
    async def test(both):
        await both.together(rule=PRESSED)
        await both.press()
        await both.becomes(True)
        await both.tv.kill()
        await both.tv.restarted()
        assert await both.power() is False
        await both.press()  # the TV wants an Echo
        await both.becomes(True)
        await both.sender.kill()
        await both.sender.restarted()
        await both.press()
        await both.becomes(False)
        await both.together()  # another key
        await both.press()
        await both.becomes(True)
        assert await both.count(REFUSES) == await both.count(SILENT) == 0

    two(tmp_path, test)


@pytest.mark.parametrize("side", ["sender", "tv"])
def test_it_stops_at_once_when_either_side_revokes(tmp_path, side):
    async def test(both):
        await both.together(rule=PRESSED)
        await both.press()
        await both.becomes(True)
        if side == "tv":
            await both.ask(both.tv, "DELETE", "p/button")
        else:
            await both.ask(both.sender, "DELETE", "p/tv")
        await both.press()
        await both.until(UNKNOWN if side == "sender" else UNSEALED)
        assert await both.power() is True
        await both.together()
        if side == "sender":  # what was wanted of nobody is forgotten, what was refused in the clear is not
            await both.press()
        await both.becomes(False)

    two(tmp_path, test)


def test_a_peer_may_no_more_than_it_was_given(tmp_path):
    async def test(both):
        await both.together(rule={0: 0, 3: "press", 4: ["tv", "volume"], 5: 77})
        await both.press()
        await both.until(REFUSES)
        assert (await both.owners[both.tv].get("s/volume")) == 20
        await both.together(paths=("volume",))
        await both.press()
        await both.until(DONE)
        assert (await both.owners[both.tv].get("s/volume")) == 77

    two(tmp_path, test)


def test_what_is_on_its_way_to_nobody_ends_when_the_key_is_revoked_or_the_rule_goes(tmp_path):
    async def test(both):
        heard = []

        class Deaf(asyncio.DatagramProtocol):
            def datagram_received(self, data, address):
                heard.append(data)

        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Deaf, local_addr=(HOST, 0))
        where = transport.get_extra_info("sockname")
        for end in (("p/tv", "DELETE", None), ("b", "PUT", [])):
            await both.together(where, PRESSED)
            await both.press()
            while not heard:
                await asyncio.sleep(0.01)
            await both.ask(both.sender, end[1], end[0], end[2])
            await asyncio.sleep(0.1)
            heard.clear()
            await asyncio.sleep(2)  # 40 s of the lamp
            assert heard == []
        transport.close()

    two(tmp_path, test)


@pytest.mark.parametrize(("loss", "seed"), [(0.01, 1), (0.1, 2), (0.1, 3), (0.5, 4), (0.5, 5)])
def test_on_a_bad_network_it_ends_as_the_presses_say(tmp_path, loss, seed):
    async def test(both):
        loop = asyncio.get_running_loop()
        relay, _ = await loop.create_datagram_endpoint(
            lambda: Rough(both.tv.link, loss, seed), local_addr=(HOST, 0)
        )
        try:
            await both.together(relay.get_extra_info("sockname"), PRESSED)
            pick = random.Random(seed)
            state = False
            for round in range(3):
                for _ in range(pick.choice((1, 2, 3))):
                    await both.press()
                    state = not state
                    await asyncio.sleep(pick.random() / 4)
                if round == 1:
                    await both.tv.kill()  # what was reached by then is gone: it is off
                    await both.tv.restarted()
                    for rules in ([], [PRESSED]):  # and what was still wanted is not
                        await both.ask(both.sender, "PUT", "b", rules)
                    await asyncio.sleep(0.1)  # what the relay still had has come
                    state = await both.power()
                    await both.press()
                    state = not state
                await both.becomes(state)
                await quiet(both, state)
            assert await both.count(SILENT) == 0
        finally:
            relay.close()

    async def quiet(both, state):
        """It stays so, and nothing is on its way any more."""
        for _ in range(20):
            await asyncio.sleep(0.05)
        assert await both.power() is state

    two(tmp_path, test)


def test_a_watch_that_sleeps_switches_the_tv_with_its_button_and_the_hub_is_dead(tmp_path):
    async def main():
        port, coap = ports.free(socket.SOCK_STREAM), ports.free()
        url = f"http://{HOST}:{port}"
        arguments = ["hub", "--port", str(port), "--coap-port", str(coap), "--state", str(tmp_path / "hub")]
        async with (
            Beside("hub", arguments, f"{url}/api/health", tmp_path / "hub.log", lambda what, details: None) as hub,
            Device("watch", state_dir=tmp_path / "watch", rate=0) as watch,
            Device("tv", state_dir=tmp_path / "tv") as tv,
            httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http,
        ):
            hub.plug()
            await hub.ready()
            ids = {}
            for device in (watch, tv):
                await device.ready()
                told = {"code": await device.code(), "address": "{}:{}".format(*device.link)}
                ids[device] = (await http.post("/api/pair", json=told)).json()["id"]
            rule = {"when": "pressed", "equals": "b", "device": ids[tv], "set": "power"}
            answer = await http.put(f"/api/devices/{ids[watch]}/rules", json={"rules": [rule]})
            assert answer.status_code == 204, answer.text
            await hub.unplug()
            both = Two(watch, tv, {})
            for wanted in (True, False, True):
                await watch.control("advance", ms=75_000)  # its report is not answered either
                await asleep(watch)
                starts = watch.starts
                await watch.press("button_b", 300)
                await both.becomes(wanted)
                assert watch.starts == starts + 1
            hub.plug()
            await hub.ready()

    asyncio.run(asyncio.wait_for(main(), 240))


def test_a_watch_that_wakes_by_its_timer_stays_awake_until_it_is_answered(tmp_path):
    async def test(both):
        battery = (await both.owners[both.sender].get("d"))[5][3]
        assert battery[1] == "battery"
        await both.together(rule={0: battery[0], 2: 20, 4: ["tv", "power"], 5: True})
        for wanted in (True, True):
            await both.sender.control("advance", ms=75_000)
            await asleep(both.sender)
            await both.sender.control("set", signal="battery_mv", value=3400)
            await both.tv.kill()
            await both.tv.restarted()  # it wants an Echo
            await both.sender.control("advance", ms=600_000)
            await asyncio.sleep(0.3)
            await both.sender.control("advance", ms=500)
            await both.becomes(wanted)

    two(tmp_path, test, "watch", rate=0)


def test_a_hub_that_is_not_there_is_no_reason_to_answer_a_stranger(tmp_path):
    async def test(both):
        await both.together(rule=PRESSED)
        async with Client(*both.tv.link) as stranger:
            with pytest.raises(Exception, match="356"):
                await stranger.set("power", True)
        assert await both.power() is False

    two(tmp_path, test)
