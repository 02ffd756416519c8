"""Pairing on a bad network, and with a hub that is killed at each step of it: both sides agree in the end, and no
number is used twice with a key."""

import asyncio
import os
import subprocess
import sys

import pytest
from host.hub.running import hub
from host.hub.secure_fake import Keys, SecureFake
from lossy import HOST, Rough
from soon import soon
from tosplus import ports
from tosplus.errors import HostError
from tosplus.link import exchange
from tosplus.link.client import Client
from tosplus.link.credentials import Store
from tosplus.link.exchange import pair
from tosplus.link.pairing_code import parse
from tosplus.sim.device import Device


@pytest.fixture
def used(monkeypatch):
    """{(key, number): what was sealed with it}, as the fake device sees it; it fails when there are two of one."""
    seen = {}
    unprotect = Keys.unprotect

    def recording(self, message, request_id=None):
        if request_id is None:
            flags, value = message.opt.oscore[0], message.opt.oscore
            number = self.recipient_key, bytes(value[1 : 1 + (flags & 7)])
            assert seen.setdefault(number, message.payload) == message.payload, "a nonce twice"
        return unprotect(self, message, request_id)

    monkeypatch.setattr(Keys, "unprotect", recording)
    return seen


async def rough(where, loss, seed, test):
    loop = asyncio.get_running_loop()
    relay, _ = await loop.create_datagram_endpoint(lambda: Rough(where, loss, seed), local_addr=(HOST, 0))
    try:
        return await test((HOST, relay.get_extra_info("sockname")[1]))
    finally:
        relay.close()


async def tried(code, where, store):
    """True, or False after an error in words for a person."""
    try:
        await pair(parse(code), where, store)
        return True
    except HostError as e:
        assert len(str(e)) > 20 and code[-20:] not in str(e)
        return False


CASES = [(0.01, 1), (0.01, 2), (0.1, 1), (0.1, 2), (0.1, 3), (0.5, 1), (0.5, 2)]


@pytest.mark.parametrize(("loss", "seed"), CASES)
def test_a_device_of_others_on_a_bad_network(tmp_path, monkeypatch, used, loss, seed):
    monkeypatch.setattr(exchange, "_ANSWER_S", 8)
    monkeypatch.setattr(exchange, "_PROOF_S", 8)

    async def test():
        store = Store(tmp_path)
        async with SecureFake() as fake:
            first = await rough((HOST, fake.port), loss, seed, lambda where: tried(fake.code, where, store))
            assert first == (store.ids() == ["fake-1"]) and (first or loss > 0.1)
            fake.pairing.running = None  # its 30 s are over
            assert await tried(fake.code, (HOST, fake.port), store)
            assert list(fake.peers) == ["tos"] and store.unproven("fake-1") is None
            assert store.get("fake-1").context.secret == fake.peers["tos"][1].secret
            assert used

    asyncio.run(test())


@pytest.mark.parametrize(("loss", "seed"), [(0.01, 4), (0.1, 5), (0.5, 6)])
def test_a_device_of_ours_on_a_bad_network(tmp_path, monkeypatch, loss, seed):
    monkeypatch.setattr(exchange, "_ANSWER_S", 8)
    monkeypatch.setattr(exchange, "_PROOF_S", 8)

    async def test():
        store = Store(tmp_path / "peers")
        async with Device("kettle", state_dir=tmp_path / "k", hub="", rate=3) as kettle:
            await kettle.ready()
            code = await kettle.code()
            id = parse(code).device_id
            await rough(kettle.link, loss, seed, lambda where: tried(code, where, store))
            assert await tried(code, kettle.link, store)  # it waits where another exchange runs on there
            assert store.ids() == [id] and store.unproven(id) is None
            async with Client(*kettle.link, credentials=store.credentials(id)) as owner:
                assert [peer.name for peer in (await owner.peers())[1]] == ["tos"]

    asyncio.run(test())


# The hub dies

STEPS = {
    "before the key is expected": "Store.expect",
    "after it": "after Store.expect",
    "before it is proven": "Store.prove",
    "after it is": "after Store.prove",
    "before the device is known": "Hub.adopt",
    "before it is told where to report": "Follower._tell_where",
    "after that": "after Follower._tell_where",
}
CODE = """
import asyncio, os, sys
from pathlib import Path
from tosplus.hub.follow import Follower
from tosplus.hub.hub import Hub
from tosplus.hub.serve import Options, serving
from tosplus.link.credentials import Store
folder, coap, step, code, address = sys.argv[1:]
after, _, name = step.rpartition(" ")
owner, method = name.split(".")
cls = {"Store": Store, "Hub": Hub, "Follower": Follower}[owner]
whole = getattr(cls, method)
def die(*a, **k):
    if after:
        done = whole(*a, **k)
        if asyncio.iscoroutine(done):
            async def last():
                await done
                os._exit(9)
            return last()
    os._exit(9)
setattr(cls, method, die)
async def main():
    import httpx
    async with serving(Options(Path(folder), port=0, coap_port=int(coap))) as (hub, page, web):
        async with httpx.AsyncClient(base_url=page, timeout=20) as http:
            print((await http.post("/api/pair", json={"code": code, "address": address})).text)
            await asyncio.sleep(10)
asyncio.run(main())
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_hub_that_is_killed_pairs_again(tmp_path, used, step):
    async def test():
        coap = ports.free()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        async with SecureFake() as fake:
            command = [sys.executable, "-c", CODE, str(tmp_path), str(coap), STEPS[step], fake.code, fake.address]
            run = asyncio.to_thread(subprocess.run, command, capture_output=True, env=environment, timeout=100)
            died = await run
            assert died.returncode == 9, died.stderr.decode()
            fake.pairing.running = None  # its 30 s are over
            async with hub(tmp_path, coap, plain=False) as it:
                told = {"code": fake.code, "address": fake.address}
                answer = await it.http.post("/api/pair", json=told, timeout=30)
                assert answer.status_code == 201, answer.text
                await it.live()
                await soon(lambda: fake.told)
                assert list(fake.peers) == ["hub"] and len((await it.house())["devices"]) == 1
                assert (await fake.report()).code.is_successful()

    asyncio.run(asyncio.wait_for(test(), 240))
    assert used


def test_a_hub_that_was_killed_takes_up_by_itself_what_was_proven(tmp_path, used):
    async def test():
        coap = ports.free()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        async with SecureFake() as fake:
            command = [sys.executable, "-c", CODE, str(tmp_path), str(coap), "Hub.adopt", fake.code, fake.address]
            await asyncio.to_thread(subprocess.run, command, capture_output=True, env=environment, timeout=100)
            async with hub(tmp_path, coap, plain=False) as it:
                await it.live()

    asyncio.run(asyncio.wait_for(test(), 240))
