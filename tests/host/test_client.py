"""The link client against a server that is not ours: aiocoap's, with the payloads of docs/protocol.md by hand."""

import asyncio

import aiocoap
import cbor2
import pytest
from aiocoap import resource
from tosplus import ports
from tosplus.errors import Unreachable
from tosplus.link import client as client_module
from tosplus.link.client import Client, LinkError
from tosplus.link.schema import Entry, Event, Events

TABLE = [
    {0: 0, 1: "boils", 2: "sensor", 10: True},
    {0: 1, 1: "temp", 2: "sensor", 3: "°C", 4: -10, 5: 150, 12: "temperature"},
    {0: 2, 1: "power", 2: "switch", 8: True, 11: False, 99: "of a newer device"},
    {0: 3, 1: "pressed", 2: "event", 7: ["press", "hold"], 9: True},
]
IDENTITY = {0: "kettle-1", 1: "kettle", 2: "0.1.0", 3: "TOY", 4: ["relay"], 5: TABLE, 77: "newer"}
EVENTS = {0: 0xC0FFEE, 1: 5000, 2: [[7, 1500, 3, "press"], [8, 1600, 3, "hold"]]}
LOG = {0: 5000, 1: [[10, 201, 0, 0], [900, 403, 1, 0]], 2: {201: 1, 403: 1}, 3: "Traceback ..."}


class Fixed(resource.Resource):
    def __init__(self, value):
        super().__init__()
        self.value = value

    async def render_get(self, request):
        return aiocoap.Message(payload=cbor2.dumps(self.value), content_format=60)


class State(resource.ObservableResource):
    def __init__(self, state, index=None):
        super().__init__()
        self.state = state
        self.index = index

    async def render_get(self, request):
        value = self.state if self.index is None else self.state[self.index]
        return aiocoap.Message(payload=cbor2.dumps(value), content_format=60)

    async def render_put(self, request):
        if self.index == 1:
            return aiocoap.Message(code=aiocoap.METHOD_NOT_ALLOWED, payload=b"332 temp")
        value = cbor2.loads(request.payload)
        if not isinstance(value, bool):
            return aiocoap.Message(code=aiocoap.BAD_REQUEST, payload=b"334 power")
        if self.state[1] is None:
            return aiocoap.Message(code=aiocoap.SERVICE_UNAVAILABLE, payload=b"336 temp")
        self.state[self.index] = value
        return aiocoap.Message(code=aiocoap.CHANGED)


class Server:
    """A device by aiocoap. `async with` is one life of it, on the same port each time."""

    def __init__(self):
        self.port = ports.free()
        self.values = {0: 0, 1: 20, 2: False}

    async def __aenter__(self):
        site = resource.Site()
        self.state = State(self.values)
        site.add_resource(["d"], Fixed(IDENTITY))
        site.add_resource(["e"], Fixed(EVENTS))
        site.add_resource(["l"], Fixed(LOG))
        site.add_resource(["s"], self.state)
        for row in TABLE[:3]:
            site.add_resource(["s", row[1]], State(self.values, row[0]))
        bind = ("127.0.0.1", self.port)
        self.context = await aiocoap.Context.create_server_context(site, bind=bind, transports=["udp6"])
        return self

    async def __aexit__(self, *error):
        await self.context.shutdown()

    def set(self, index, value):
        self.values[index] = value
        self.state.updated_state()


def talk(test):
    """Run test(server, client) in one life of the server."""

    async def main():
        async with Server() as server, Client("127.0.0.1", server.port) as client:
            await test(server, client)

    asyncio.run(main())


def test_values_have_the_names_of_the_table():
    async def test(server, client):
        identity = await client.identity()
        assert (identity.id, identity.model, identity.battery) == ("kettle-1", "kettle", None)
        assert identity.resource("temp").unit == "°C" and identity.resource("power").writable
        assert await client.state() == {"boils": 0, "temp": 20, "power": False}
        assert await client.get("temp") == 20
        await client.set("power", True)
        assert server.values[2] is True

    talk(test)


def test_events_and_log():
    async def test(server, client):
        latest = [Event(7, 1500, "pressed", "press"), Event(8, 1600, "pressed", "hold")]
        assert await client.events() == Events(0xC0FFEE, 5000, latest)
        log = await client.log()
        assert log.ring[1] == Entry(900, 403, 1, 0) and log.counts[403] == 1 and log.crash == "Traceback ..."

    talk(test)


def test_a_refusal_is_told_in_words():
    async def test(server, client):
        with pytest.raises(LinkError, match=r"power: the value has the wrong type \(4.00, 334 WRONG_TYPE\)\n`tos dev"):
            await client.set("power", 5)
        with pytest.raises(LinkError, match="cannot be written"):
            await client.set("temp", 5)
        server.values[1] = None
        with pytest.raises(LinkError) as refused:
            await client.set("power", True)
        assert (refused.value.answer, refused.value.code) == ("5.03", 336)
        with pytest.raises(LinkError, match=r"the device answers 4\.04"):  # aiocoap's own, without a code of ours
            await client.get("lid")
        with pytest.raises(LinkError, match="331 NO_SUCH_PATH"):
            await client.resource("lid")

    talk(test)


def test_watch_tells_each_change():
    async def test(server, client):
        states = client.watch()
        assert await anext(states) == {"boils": 0, "temp": 20, "power": False}
        server.set(1, 21)
        assert (await asyncio.wait_for(anext(states), 30))["temp"] == 21
        server.set(1, 21)  # a notification without a change
        await asyncio.sleep(0.05)
        server.set(2, True)
        assert (await asyncio.wait_for(anext(states), 30))["power"] is True
        await states.aclose()

    talk(test)


def test_watch_outlives_the_device(monkeypatch):
    monkeypatch.setattr(client_module, "_SILENT_S", 0.2)
    monkeypatch.setattr(client_module, "_RETRY_S", 0.05)

    async def main():
        server = Server()
        async with Client("127.0.0.1", server.port) as client:
            states = client.watch()
            async with server:
                assert (await anext(states))["temp"] == 20
            assert await asyncio.wait_for(anext(states), 30) is None  # it is off, and that is told once
            back = asyncio.ensure_future(anext(states))
            await asyncio.sleep(0.2)
            server.values[1] = 50
            async with server:
                assert (await asyncio.wait_for(back, 30))["temp"] == 50
                server.set(1, 51)
                assert (await asyncio.wait_for(anext(states), 30))["temp"] == 51
            await states.aclose()

    asyncio.run(main())


def test_watch_notices_that_a_quick_restart_has_forgotten_it(monkeypatch):
    monkeypatch.setattr(client_module, "_SILENT_S", 0.2)

    async def main():
        server = Server()
        async with Client("127.0.0.1", server.port) as client:
            states = client.watch()
            async with server:
                await anext(states)
            async with server:  # before the client has asked again; the same state
                server.set(1, 30)
                assert (await asyncio.wait_for(anext(states), 30))["temp"] == 30
            await states.aclose()

    asyncio.run(main())


def test_watch_polls_where_there_is_no_room_for_an_observer(monkeypatch):
    monkeypatch.setattr(client_module, "_RETRY_S", 0.05)

    async def deny(self, request, observation):
        """The answer comes without the Observe option."""

    monkeypatch.setattr(State, "add_observation", deny)

    async def test(server, client):
        states = client.watch()
        assert (await anext(states))["temp"] == 20
        server.values[1] = 25
        assert (await asyncio.wait_for(anext(states), 30))["temp"] == 25
        await states.aclose()

    talk(test)


def test_no_answer_is_told_with_the_address():
    async def main():
        async with Client("127.0.0.1", Server().port) as client:
            with pytest.raises(Unreachable, match=r"no answer from coap://127.0.0.1:\d+"):
                await client.state()

    asyncio.run(main())
