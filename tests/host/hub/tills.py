"""A token service over HTTP and a till that is not ours, for tests of the hub's money."""

import asyncio
import contextlib

import uvicorn
from host.tokens.bank import Bank
from tosplus.hub.serve import listening_on
from tosplus.tokens import parties
from tosplus.tokens.api import application

from .fake import Fake, _Body
from .running import hub

_ROWS = [
    {0: 0, 1: "sale", 2: "text"},
    {0: 1, 1: "receipt", 2: "text"},
    {0: 2, 1: "owed", 2: "sensor"},
]


class Till(Fake):
    """tap: what GET /y/tap tells."""

    def __init__(self, hub_port, id="till-1", **about):
        super().__init__(hub_port, id, "till", {0: "", 1: "", 2: 0}, _ROWS, **about)
        self.tap = [None, []]
        self.asked = 0

    async def bind(self):
        await super().bind()
        self.context.serversite.add_resource(["y", "tap"], _Body(self._tap))

    def _tap(self):
        self.asked += 1
        return self.answers.get("tap", self.tap)

    def sells(self, tap, sale="approved", receipt="TILL-1 0.07 EUR approved"):
        self.tap = tap
        self.set({0: sale, 1: receipt})


class House:
    """A bank that is served, a secret for it, and a hub that knows both."""

    def __init__(self, folder):
        self.folder, self.port = folder, None
        self.bank = Bank(f"sqlite:///{folder}/tokens.db")
        self.till = self.bank.set_up()
        self.id, secret = self.bank.write(lambda c, now: parties.add_house(c, "test", now))
        self.secret = folder / "secret"
        self.secret.touch(0o600)
        self.secret.write_text(secret + "\n")
        self.heard = []
        self.answers = None  # status, headers, body instead of the bank's own

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def _app(self, scope, receive, send):
        self.heard.append((scope["method"], scope["path"], scope["query_string"].decode()))
        if self.answers is None:
            await application(self.bank)(scope, receive, send)
            return
        status, headers, body = self.answers
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    @contextlib.asynccontextmanager
    async def served(self):
        """The service, at the same port each time."""
        with listening_on("127.0.0.1", self.port or 0) as listening:
            self.port = listening.getsockname()[1]
            about = {"lifespan": "off", "log_config": None, "access_log": False, "interface": "asgi3"}
            server = uvicorn.Server(uvicorn.Config(self._app, ws="none", **about))
            task = asyncio.create_task(server.serve([listening]))
            try:
                yield self
            finally:
                server.should_exit = True
                await task

    def pays(self, card, amount=1250):
        return self.bank.authorise(self.till, f"{amount}-{card.atc}", card.tap(amount))


@contextlib.asynccontextmanager
async def house(folder, **options):
    """(hub, House)"""
    made = House(folder)
    try:
        about = {"tokens_secret": made.secret, **options}
        async with made.served(), hub(folder / "hub", tokens=made.url, **about) as it:
            yield it, made
        made.bank.check()
    finally:
        made.bank.close()
