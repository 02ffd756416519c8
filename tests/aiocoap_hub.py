"""A hub that is not ours: it hears the reports of devices, by aiocoap's server."""

import asyncio
import socket

import aiocoap
import cbor2
from aiocoap import resource


class Inbox(resource.Resource, resource.PathCapable):
    """/r/<id>: the reports in `heard`, as (id, where it came from, payload)."""

    def __init__(self):
        super().__init__()
        self.heard = asyncio.Queue()
        self.code = aiocoap.CHANGED
        self.delay_s = 0  # after 0.1 s aiocoap acknowledges, and answers in a message of its own
        self.echo = None  # bytes that a request must carry to be fresh (RFC 9175)

    async def render_post(self, request):
        assert request.mtype == aiocoap.CON and request.opt.content_format == 60
        if request.opt.echo != self.echo:
            return aiocoap.Message(code=aiocoap.UNAUTHORIZED, echo=self.echo)
        await asyncio.sleep(self.delay_s)
        host, port = request.remote.sockaddr[:2]
        [device] = request.opt.uri_path
        self.heard.put_nowait((device, (host.removeprefix("::ffff:"), port), cbor2.loads(request.payload)))
        return aiocoap.Message(code=self.code)


class Hub:
    """`async with` is one life of it, on the same port each time."""

    def __init__(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]

    async def __aenter__(self):
        self.inbox = Inbox()
        site = resource.Site()
        site.add_resource(["r"], self.inbox)
        bind = ("127.0.0.1", int(self.address.split(":")[1]))
        self._context = await aiocoap.Context.create_server_context(site, bind=bind, transports=["udp6"])
        return self

    async def __aexit__(self, *error):
        await self._context.shutdown()

    async def next(self, timeout_s=5):
        return await asyncio.wait_for(self.inbox.heard.get(), timeout_s)
