"""A hub that is not ours: it hears the reports of devices, by aiocoap's server, in the clear or over its OSCORE."""

import asyncio
import json

import aiocoap
import cbor2
from aiocoap import resource
from aiocoap.credentials import CredentialsMap
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from aiocoap.transports.oscore import OSCOREAddress
from tosplus import ports
from tosplus.link.oscore import Context

HUB = Context(b"hub's sixteen bytes!", b"salt", b"\x00", b"\x01")  # from its own side


class Inbox(resource.Resource, resource.PathCapable):
    """/r/<id>, and /r of who is known by its context: the reports in `heard`, as (id, where it came from, payload)."""

    def __init__(self, secured):
        super().__init__()
        self.heard = asyncio.Queue()
        self.code = aiocoap.CHANGED
        self.answer = {}  # over OSCORE; {} is an empty payload
        self.delay_s = 0  # after 0.1 s aiocoap acknowledges, and answers in a message of its own
        self.echo = None  # bytes that a request must carry to be fresh (RFC 9175)
        self._secured = secured

    async def render_post(self, request):
        remote = request.remote
        assert isinstance(remote, OSCOREAddress) is self._secured
        if self._secured:
            remote = remote.underlying_address
        assert request.opt.content_format == 60
        if self.echo and request.opt.echo != self.echo:
            return aiocoap.Message(code=aiocoap.UNAUTHORIZED, echo=self.echo)
        await asyncio.sleep(self.delay_s)
        host, port = remote.sockaddr[:2]
        device = "/".join(request.opt.uri_path)
        assert (device == "") is self._secured
        self.heard.put_nowait((device, (host.removeprefix("::ffff:"), port), cbor2.loads(request.payload)))
        answer = self.answer() if callable(self.answer) else self.answer
        return aiocoap.Message(code=self.code, payload=cbor2.dumps(answer) if answer else b"")


class Bare(resource.Resource):
    """/r itself, which aiocoap does not take for a part of what is below it."""

    def __init__(self, inbox):
        super().__init__()
        self.render_post = inbox.render_post


class Hub:
    """`async with` is one life of it, on the same port each time.

    context: tosplus.link.oscore's, from the hub's side, kept by aiocoap in folder; None is a hub in the clear.
    site(site): adds more resources. Its window outlives it, unless `forgets`, as after a crash.
    """

    def __init__(self, context=None, folder=None, site=lambda site: None):
        self.address = f"127.0.0.1:{ports.free()}"
        self.forgets = False
        self._site = site
        self._folder = folder
        if context:
            write(folder, context)

    async def __aenter__(self):
        self.inbox = Inbox(self._folder is not None)
        site = resource.Site()
        site.add_resource(["r"], self.inbox)
        site._resources[("r",)] = Bare(self.inbox)
        self._site(site)
        self._credentials = CredentialsMap()
        if self._folder:
            self._credentials.load_from_dict({":device": {"oscore": {"basedir": str(self._folder)}}})
            site = OscoreSiteWrapper(site, self._credentials)
        bind = ("127.0.0.1", int(self.address.split(":")[1]))
        self._context = await aiocoap.Context.create_server_context(site, bind=bind, transports=["udp6"])
        return self

    async def __aexit__(self, *error):
        await self._context.shutdown()
        for context in self._credentials.values():
            context._destroy()
        if self.forgets:
            file = self._folder / "sequence.json"
            file.write_text(json.dumps({**json.loads(file.read_text()), "received": "unknown"}))

    async def next(self, timeout_s=60):
        return await asyncio.wait_for(self.inbox.heard.get(), timeout_s)


def write(folder, context):
    """A context as aiocoap's FilesystemSecurityContext reads it."""
    folder.mkdir(parents=True)
    fields = {"sender-id_hex": context.sender, "recipient-id_hex": context.recipient}
    fields |= {"secret_hex": context.secret, "salt_hex": context.salt}
    (folder / "settings.json").write_text(json.dumps({key: value.hex() for key, value in fields.items()}))
