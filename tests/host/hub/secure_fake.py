"""A device that can be paired and is not ours: aiocoap's OSCORE server, `cryptography`, docs/pairing.md by hand."""

import base64
import hmac
import os

import aiocoap
import cbor2
from aiocoap import error, oscore, resource
from aiocoap.credentials import CredentialsMap
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .fake import Fake

_P256 = ec.SECP256R1()
OWNER, CONTROL, INPUT, HUB, TOKENS, PEER = range(1, 7)


class Keys(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """A device's side of a context, in memory; the numbers live as long as the fake."""

    def __init__(self, secret, salt, sender, recipient):
        self.alg_aead = oscore.algorithms[oscore.DEFAULT_ALGORITHM]
        self.hashfun = oscore.hashfunctions[oscore.DEFAULT_HASHFUNCTION]
        self.sender_id, self.recipient_id, self.id_context = sender, recipient, None
        self.derive_keys(salt, secret)
        self.secret = secret
        self.sender_sequence_number = 0
        self.echo_recovery = None
        self.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()

    def post_seqnoincrease(self):
        pass


class _Pairing(resource.Resource):
    """POST /p in the clear, and for owners GET /p."""

    def __init__(self, fake):
        super().__init__()
        self.fake, self.running = fake, None

    async def render_post(self, request):
        fields = cbor2.loads(request.payload)
        source = request.remote.hostinfo
        return self.first(request.payload, fields, source) if len(fields) > 1 else self.last(request.payload, source)

    def first(self, m1, fields, source):
        if self.running or self.fake.busy:
            self.fake.busy = max(0, self.fake.busy - 1)
            return _refuse(aiocoap.SERVICE_UNAVAILABLE, 364)
        owned = any(role == OWNER for role, keys in self.fake.peers.values())
        if self.fake.opened is False and (owned or fields[3] != OWNER):
            return _refuse(aiocoap.FORBIDDEN, 363)
        private = ec.generate_private_key(_P256)
        point = ec.EllipticCurvePublicKey.from_encoded_point(_P256, b"\x02" + fields[2])
        agreed = private.exchange(ec.ECDH(), point)
        nonce, x = os.urandom(16), private.public_key().public_numbers().x.to_bytes(32, "big")
        taken = {keys.recipient_id for _, keys in self.fake.peers.values()} | {fields[5]}
        id = next(bytes([n]) for n in range(256) if bytes([n]) not in taken)

        def key(label, size):
            hkdf = HKDF(hashes.SHA256(), size, fields[1] + nonce, b"tos:v1 " + label)
            return hkdf.derive(self.fake.secret + agreed)

        m2 = b"\xa4\x01\x50" + nonce + b"\x02\x58\x20" + x + b"\x05\x41" + id + b"\x06\x50"
        m2 += hmac.digest(key(b"m2", 32), b"tos:v1 m2" + m1 + m2, "sha256")[:16]
        wanted = hmac.digest(key(b"m3", 32), b"tos:v1 m3" + m1 + m2 + b"\xa1\x06\x50", "sha256")[:16]
        keys = Keys(key(b"master secret", 16), key(b"master salt", 8), fields[5], id)
        self.running = source, wanted, fields[4], fields[3], keys
        return aiocoap.Message(code=aiocoap.CHANGED, payload=m2, content_format=60)

    def last(self, m3, source):
        if not self.running or self.running[0] != source:
            return _refuse(aiocoap.BAD_REQUEST, 365)
        _, wanted, name, role, keys = self.running
        self.running = None
        if m3 != b"\xa1\x06\x50" + wanted:
            return _refuse(aiocoap.UNAUTHORIZED, 366)
        self.fake.put_in(name, role, keys)
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_get(self, request):
        rows = [[name, role, []] for name, (role, keys) in self.fake.peers.items()]
        return aiocoap.Message(payload=cbor2.dumps({0: 0, 1: rows}), content_format=60)


class _Peers(resource.Resource, resource.PathCapable):
    """DELETE /p/<name>"""

    def __init__(self, fake):
        super().__init__()
        self.fake = fake

    async def render_delete(self, request):
        self.fake.take_out(*request.opt.uri_path)
        return aiocoap.Message(code=aiocoap.DELETED)


class _Hub(resource.Resource):
    """GET and PUT /r"""

    def __init__(self, fake):
        super().__init__()
        self.fake = fake

    async def render_get(self, request):
        host, port = self.fake.hub or ("", 0)
        name = next((name for name, (_, keys) in self.fake.peers.items() if keys is self.fake.hub_keys), "")
        return aiocoap.Message(payload=cbor2.dumps({0: f"{host}:{port}", 1: name}), content_format=60)

    async def render_put(self, request):
        told = cbor2.loads(request.payload)[0]
        host = told.rpartition(":")[0] or request.remote.hostinfo.rpartition(":")[0]
        self.fake.hub = host, int(told.rpartition(":")[2])
        self.fake.hub_keys = request.remote.security_context
        self.fake.told.append(told)
        return aiocoap.Message(code=aiocoap.CHANGED)


class _Guarded(OscoreSiteWrapper):
    """In the clear only /p and /.well-known/core."""

    async def render_to_pipe(self, pipe):
        request = pipe.request
        if request.opt.oscore is None and request.opt.uri_path not in (("p",), (".well-known", "core")):
            raise _Refused
        await super().render_to_pipe(pipe)


class _Refused(error.ConstructionRenderableError):
    code = aiocoap.UNAUTHORIZED
    message = "356"


class SecureFake(Fake):
    """`async with SecureFake()`: one life; it is in nobody's hands until somebody pairs. opened: pairing is open."""

    def __init__(self, id="fake-1", **about):
        super().__init__(None, id, **about)
        self.secret = os.urandom(16)
        self.peers = {}
        self.opened = False
        self.busy = 0  # as many first messages are answered so
        self.hub = self.hub_keys = None
        self.told = []
        self.commands, self.done, self.walls = [], None, []

    @property
    def code(self):
        text = base64.b32encode(self.secret).decode().rstrip("=")
        total = 36
        alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        for char in (self.id + text).upper():
            if char in alphabet:
                total = ((total + alphabet.index(char)) % 36 or 36) * 2 % 37
        return f"tos:v1:{self.id}:{text}{alphabet[(1 - total) % 36]}"

    def put_in(self, name, role, keys):
        self.peers[name] = role, keys
        self.contexts[":" + name] = keys

    def take_out(self, name):
        self.peers.pop(name, None)
        self.contexts.pop(":" + name, None)

    def reset(self):
        """To factory settings."""
        self.secret = os.urandom(16)
        for name in list(self.peers):
            self.take_out(name)
        self.hub = self.hub_keys = None

    async def bind(self):
        self.contexts = CredentialsMap({":" + name: keys for name, (role, keys) in self.peers.items()})
        await super().bind()
        site = self.context.serversite
        pairing = self.pairing = _Pairing(self)
        site.add_resource(["p"], pairing)
        site.add_resource(["p"], _Peers(self))
        site.add_resource(["r"], _Hub(self))
        self.context.serversite = _Guarded(site, self.contexts)

    async def report(self, keys=None, attempts=2, path=None, **more):
        """What the hub answers, unsealed. Commands in it are executed, as a sleeper does."""
        keys = keys or self.hub_keys
        told = {0: self.boot, **({5: self.done} if self.done is not None else {})}
        told |= {int(key[1:]): value for key, value in more.items()}
        host, port = self.hub
        echo = None
        for _ in range(attempts):
            message = aiocoap.Message(
                code=aiocoap.POST, uri=f"coap://{host}:{port}/{path or 'r'}", payload=cbor2.dumps(told),
                content_format=60, echo=echo,
            )
            sealed, asked = keys.protect(message)
            sealed.remote = message.remote
            answer = await self.context.request(sealed, handle_blockwise=False).response
            if answer.opt.oscore is None:
                return answer
            answer, _ = keys.unprotect(answer, asked)
            if answer.opt.echo is None:
                break
            echo = answer.opt.echo
        if answer.code.is_successful() and answer.payload:
            told = cbor2.loads(answer.payload)
            self.walls.append(told[0])
            for id, index, value in told.get(1, ()):
                if self.done is None or id > self.done:
                    self.commands.append((id, index, value))
                    self.values[index] = value
                    self.done = id
        return answer


def _refuse(code, number):
    return aiocoap.Message(code=code, payload=str(number).encode())


