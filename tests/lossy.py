"""A bad network for tests: a UDP relay that delays and loses, and behind it aiocoap's server with one large body."""

import asyncio
import contextlib
import hashlib
import json
import random

import aiocoap
from aiocoap import resource
from tosplus import ports
from tosplus.paths import ROOT
from tosplus.sim.process import micropython

HOST = "127.0.0.1"


class Body(resource.Resource):
    """Serves any block of its body to whoever asks, so that a client may begin in the middle.

    asked: how often. lives: the numbers of these blocks, a list for each life of the client; a test begins the next.
    """

    def __init__(self, body):
        super().__init__()
        self.body = body
        self.lives = [[]]

    @property
    def asked(self):
        return sum(map(len, self.lives))

    @property
    def wanted(self):
        """Without what it asked for again in the same life, because a busy machine answered too late."""
        return sum(len(set(life)) for life in self.lives)

    async def needs_blockwise_assembly(self, request):
        return False

    async def render_get(self, request):
        block = request.opt.block2
        self.lives[-1].append(block.block_number)
        whole = aiocoap.Message(code=aiocoap.CONTENT, payload=self.body, etag=hashlib.sha256(self.body).digest()[:8])
        return whole._extract_block(block.block_number, block.size_exponent, 1024)


class Relay(asyncio.DatagramProtocol):
    """Between any client and one server: each datagram takes delay_s, and `loss` of them, 0 to 1, never arrive."""

    def __init__(self, server, loss, delay_s, seed):
        self._server = server
        self._loss = loss
        self._delay_s = delay_s
        self._random = random.Random(seed)
        self._client = None

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, address):
        if address != self._server:
            self._client = address
        to = self._client if address == self._server else self._server
        if self._random.random() >= self._loss:
            asyncio.get_running_loop().call_later(self._delay_s, self._send, data, to)

    def _send(self, data, to):
        if not self._transport.is_closing():
            self._transport.sendto(data, to)


class Rough(Relay):
    """Loses, doubles one in three, and lets later datagrams overtake."""

    def __init__(self, server, loss, seed):
        super().__init__(server, loss, 0, seed)
        self._pick = random.Random(seed)

    def datagram_received(self, data, address):
        for _ in range(1 + (self._pick.random() < 1 / 3)):
            self._delay_s = self._pick.random() * 0.05
            super().datagram_received(data, address)


class Counting(Relay):
    """Loses nothing, and keeps what passes in `passed`, as (to the server, datagram)."""

    last = None  # that was made

    def __init__(self, server):
        super().__init__(server, 0, 0, 1)
        self.passed = []
        Counting.last = self

    def datagram_received(self, data, address):
        self.passed.append((address != self._server, data))
        super().datagram_received(data, address)


@contextlib.asynccontextmanager
async def relayed(address, relay):
    """The address of a relay in front of a server's address."""
    host, port = address.split(":")
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: relay((host, int(port))), local_addr=(HOST, 0)
    )
    try:
        yield "{}:{}".format(*transport.get_extra_info("sockname"))
    finally:
        transport.close()


async def fetched(body, loss=0, delay_s=0.01, seed=1, window=4, exponent=6, timeout_s=50, **about):
    """What tests/fetch_target.py on MicroPython says of fetching this body, as a dict with `asked` added."""
    loop = asyncio.get_running_loop()
    site = resource.Site()
    serving = Body(body)
    site.add_resource(["f"], serving)
    server, relay = ports.free(), None
    context = await aiocoap.Context.create_server_context(site, bind=(HOST, server), transports=["udp6"])
    try:
        relay, _ = await loop.create_datagram_endpoint(
            lambda: Relay((HOST, server), loss, delay_s, seed), local_addr=(HOST, 0)
        )
        arguments = {"port": relay.get_extra_info("sockname")[1], "window": window, "exponent": exponent, **about}
        process = await asyncio.create_subprocess_exec(
            *(micropython(), "tests/fetch_target.py", json.dumps(arguments)),
            cwd=ROOT,
            env={"MICROPYPATH": "lib:.frozen"},
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await asyncio.wait_for(process.communicate(), timeout_s)
        assert process.returncode == 0
        return {**json.loads(out), "asked": serving.asked}
    finally:
        if relay:
            relay.close()
        await context.shutdown()
