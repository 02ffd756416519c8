"""Pairing with a simulated device over the wire, and peers of it that ask one thing: aiocoap, no code of the device."""

import socket

import aiocoap
import cbor2
from tosplus.link import pair, pairing_code
from tosplus.link.client import open_context
from tosplus.link.oscore import Context
from tosplus.link.secure import Credentials, Transport

CODES = {name: aiocoap.Code[name] for name in ("GET", "POST", "PUT", "DELETE")}


class Refused(Exception):
    """answer: "4.03". code: the device's own, or None."""

    def __init__(self, response):
        super().__init__(response.code, response.payload)
        self.answer = response.code.dotted
        digits = response.payload.split(b" ")[0]
        self.code = int(digits) if digits.isdigit() else None


class Asking:
    """Somebody who asks a device, in the clear or with credentials, while the context is entered."""

    def __init__(self, device, credentials=None):
        self._device = device
        self._credentials = credentials

    async def __aenter__(self):
        self.context = await open_context()
        if self._credentials:
            self.context.request_interfaces.insert(0, Transport(self.context, self.context))
            self.context.client_credentials[f"{self._device.address}/*"] = self._credentials
        return self

    async def __aexit__(self, *_):
        await self.context.shutdown()

    def message(self, method, path, payload=None, **options):
        message = aiocoap.Message(code=CODES[method], uri=f"{self._device.address}/{path}", **options)
        if payload is not None:
            message.payload = payload if isinstance(payload, bytes) else cbor2.dumps(payload)
            message.opt.content_format = 60
        return message

    async def ask(self, method, path, payload=None, **options):
        """-> the response, whatever it is."""
        return await self.context.request(self.message(method, path, payload, **options)).response

    async def get(self, path):
        response = await self.ask("GET", path)
        if not response.code.is_successful():
            raise Refused(response)
        return cbor2.loads(response.payload)

    async def post(self, message):
        """To /p -> the payload. Raises Refused."""
        response = await self.ask("POST", "p", message)
        if not response.code.is_successful():
            raise Refused(response)
        return response.payload


async def pair_with(device, role="owner", name="laptop", id=b"\x55", code=None):
    """By the code that it shows -> the context, from our side. Raises Refused, PairError when we do not believe it."""
    secret = pairing_code.parse(code or await device.code()).secret
    asker = pair.Asker(secret, role, name, id)
    async with Asking(device) as asking:
        m3, paired = asker.answer(await asking.post(asker.m1))
        assert await asking.post(m3) == b""
    return Context(*paired)


def credentials(context, tmp_path):
    return Credentials(context, tmp_path / f"{context.sender.hex()}-{context.secret.hex()[:8]}.sent")


def stranger(device, host="127.0.0.1"):
    """A socket of an address of its own, connected to the device."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    sock.connect(device.link)
    sock.setblocking(False)
    return sock
