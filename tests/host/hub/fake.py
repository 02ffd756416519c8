"""A device that is not ours: aiocoap's server and cbor2, payloads of docs/protocol.md by hand. It can lie and break."""

import asyncio
import random
import time

import aiocoap
import cbor2
from aiocoap import resource
from tosplus import ports


class _Body(resource.ObservableResource):
    """GET and observe of what `make` gives; bytes are sent as they are."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    async def render_get(self, request):
        body = self.make()
        if isinstance(body, aiocoap.Message):
            return body
        payload = body if isinstance(body, bytes) else cbor2.dumps(body)
        return aiocoap.Message(payload=payload, content_format=60)


class _Rules(_Body):
    def __init__(self, device):
        super().__init__(lambda: device.answers.get("b", device.rules))
        self.device = device

    async def render_put(self, request):
        self.device.rules = cbor2.loads(request.payload)
        self.updated_state()
        return aiocoap.Message(code=aiocoap.CHANGED)


class _Value(resource.Resource):
    def __init__(self, device, index):
        super().__init__()
        self.device, self.index = device, index

    async def render_put(self, request):
        if self.device.refuse:
            return self.device.refuse
        self.device.put.append(request.payload)
        self.device.set({self.index: cbor2.loads(request.payload)})
        return aiocoap.Message(code=aiocoap.CHANGED)


class Fake:
    """`async with Fake(hub port)`: one life. `values` may be changed before; `answers` replaces bodies by garbage."""

    def __init__(self, hub_port, id="fake-1", model="kettle", values=None, rows=None, port=None, rules=True):
        self.hub_port, self.id, self.model = hub_port, id, model
        self.values = {0: 20, 1: False} if values is None else values
        self.rows = rows or [
            {0: 0, 1: "temp", 2: "sensor", 3: "°C"},
            {0: 1, 1: "power", 2: "switch", 8: True},
            {0: 2, 1: "pressed", 2: "event", 9: True},
        ]
        self.port = port or ports.free()
        self.rules = []
        self.has_rules = rules
        self.events = []
        self.sequence = 0
        self.answers = {}
        self.refuse = None
        self.put = []
        self.boot = None
        self.started = time.monotonic()
        self.wall = None
        self.reads = 0

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self):
        self.boot = random.getrandbits(32)
        self.started = time.monotonic()
        self.events, self.sequence = [], 0
        await self.bind()
        if self.hub_port:
            assert (await self.report()).code.is_successful()
        return self

    async def __aexit__(self, *error):
        await self.unbind()

    async def bind(self):
        site = resource.Site()
        self.state = _Body(lambda: self.answers.get("s", self.values))
        self.happened = _Body(lambda: self.answers.get("e", {0: self.boot, 1: self.ms(), 2: self.events}))
        site.add_resource(["d"], _Body(self._identity))
        site.add_resource(["s"], self.state)
        site.add_resource(["e"], self.happened)
        site.add_resource(["l"], _Body(lambda: self.answers.get("l", {0: 5, 1: [[1, 201, 0, 0]], 2: {201: 1}})))
        if self.has_rules:
            site.add_resource(["b"], _Rules(self))
        for row in self.rows:
            site.add_resource(["s", *row[1].split("/")], _Value(self, row[0]))
        bind = ("127.0.0.1", self.port)
        self.context = await aiocoap.Context.create_server_context(site, bind=bind, transports=["udp6"])

    async def unbind(self):
        await self.context.shutdown()

    def _identity(self):
        self.reads += 1
        return self.answers.get("d", {0: self.id, 1: self.model, 2: "0.1", 3: "TOY", 4: ["relay"], 5: self.rows})

    def ms(self):
        return int((time.monotonic() - self.started) * 1000)

    def set(self, changes):
        self.values.update(changes)
        self.state.updated_state()

    def emit(self, value="press", index=2):
        self.sequence += 1
        self.events = [*self.events[-7:], [self.sequence, self.ms(), index, value]]
        self.happened.updated_state()

    async def report(self, **more):
        """The hub's answer. more: keys beside boot, as _1=wall; body=... replaces the whole."""
        told = {0: self.boot, **({1: self.wall} if self.wall is not None else {})}
        told |= {int(key[1:]): value for key, value in more.items() if key != "body"}
        return await send_report(self.context, self.hub_port, self.id, more.get("body", cbor2.dumps(told)))


async def send_report(context, hub_port, id, payload, **options):
    uri = f"coap://127.0.0.1:{hub_port}/r/{id}"
    message = aiocoap.Message(code=aiocoap.POST, uri=uri, payload=payload, content_format=60, **options)
    return await asyncio.wait_for(context.request(message, handle_blockwise=False).response, 60)
