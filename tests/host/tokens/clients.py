"""Those who speak HTTP with a token service of a test."""

import asyncio
import secrets

import httpx
from tosplus.tokens import parties


class Client:
    """httpx, without a socket between; a fault of the application is the answer 500."""

    def __init__(self, app, headers):
        self.app, self.headers = app, headers

    def request(self, method, path, **about):
        async def asked():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=self.headers) as client:
                return await client.request(method, path, **about)

        return asyncio.run(asked())

    def get(self, path, **about):
        return self.request("GET", path, **about)

    def post(self, path, **about):
        return self.request("POST", path, **about)


class Http:
    """One credential's way in. post() has a new idempotency key each time, unless it is told one."""

    def __init__(self, app, secret):
        self.client = Client(app, {"authorization": f"Bearer {secret}"})

    def post(self, path, told=None, key=None, **headers):
        headers = {"idempotency-key": key or secrets.token_hex(8), **headers}
        return self.client.post(f"/v1{path}", headers=headers, **({} if told is None else {"json": told}))

    def get(self, path):
        return self.client.get(f"/v1{path}")


def http(bank, scope, **about):
    add = getattr(parties, f"add_{scope}")
    _, secret = bank.write(lambda c, now: add(c, "test", now=now, **about))
    return Http(bank.app, secret)


def body(tap):
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in tap._asdict().items()}
