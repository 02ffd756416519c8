"""Our OSCORE beside aiocoap's, message by message, and our AES-CCM beside that of `cryptography`."""

import os

import pytest
from aiocoap import Message, error, oscore
from aiocoap.message import Direction
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from toscore import coap, oscore_kernel
from toscore.ccm import Ccm
from toscore.errors import TosError
from toscore.oscore import Context
from toscore.oscore_server import Server
from toscore.sequence import Notifications, Reserve
from unit.helpers import aes

SECRET = bytes(range(16))
SALT = b"salt"


class Theirs(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """A context of aiocoap's, in memory."""

    echo_recovery = None

    def __init__(self, sender_id, recipient_id, id_context=None, start=0):
        self.alg_aead = oscore.algorithms[oscore.DEFAULT_ALGORITHM]
        self.hashfun = oscore.hashfunctions[oscore.DEFAULT_HASHFUNCTION]
        self.sender_id = sender_id
        self.recipient_id = recipient_id
        self.id_context = id_context
        self.derive_keys(SALT, SECRET)
        self.sender_sequence_number = start
        self.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()

    def post_seqnoincrease(self):
        pass


def ours(sender_id, recipient_id, id_context=None, start=0):
    reserve = Reserve(start, lambda n: None)
    context = Context(aes, oscore_kernel, SECRET, SALT, sender_id, recipient_id, reserve.next, id_context)
    context.window.begin()
    return context


def to_them(code, options, payload):
    """A message of ours as aiocoap has it when it came in."""
    message = Message.decode(coap.encode(coap.CON, code, 1, b"t", options, payload))
    message.direction = Direction.INCOMING
    return message


def to_us(message):
    """A message of aiocoap's as coap.py decodes it: (code, options, payload)."""
    message.direction = Direction.OUTGOING
    message.mtype, message.mid, message.token = 0, 1, b"t"
    _, code, _, _, options, payload = coap.decode(message.encode())
    return code, options, payload


def told(code, options, payload):
    """A message of ours to compare: Observe is for each side to say."""
    return code, [(number, bytes(value)) for number, value in options if number != 6], bytes(payload)


def outgoing(code, options, payload):
    message = to_them(code, options, payload)
    message.direction = Direction.OUTGOING
    return message


REQUESTS = [
    (1, [(11, b"s")], b""),
    (3, [(11, b"s"), (11, b"power"), (12, b"\x3c")], b"\xf5"),
    (2, [(11, b"r"), (27, b"\x0e")], b"x" * 1024),  # inner Block1
    (2, [(11, b"r"), (15, b"q" * 255), (258, b"\x1a")], b"1"),  # No-Response
    (1, [(11, b"s"), (23, b"\x16"), (252, b"12345678")], b""),  # inner Block2, Echo
    (1, [(6, b""), (11, b"s")], b""),  # registration
]
ANSWERS = [
    (69, [(12, b"\x3c")], b"\xa1\x01\xf5"),
    (68, [], b""),
    (132, [], b"331 nothing"),
    (95, [(27, b"\x0e")], b""),
    (69, [(4, b"etag"), (12, b"\x3c"), (23, b"\x0e")], b"y" * 1024),
]
IDS = [(b"", b"\x01", None), (b"client", b"server", b"net"), (b"\x00", b"", b"")]


@pytest.mark.parametrize("start", [0, 255, 65535, (1 << 32) - 1])
@pytest.mark.parametrize("ids", IDS)
def test_our_requests_and_their_answers(ids, start):
    client_id, server_id, id_context = ids
    client, server = ours(client_id, server_id, id_context, start), Theirs(server_id, client_id, id_context, start)
    for code, options, payload in REQUESTS:
        for answer in ANSWERS:
            *sent, request = client.protect_request(code, options, payload)
            received, request_id = server.unprotect(to_them(*sent))
            assert told(*to_us(received)) == told(code, options, payload)
            for own in (False, True):  # the first with the nonce of the request
                protected, _ = server.protect(outgoing(*answer), request_id)
                assert bool(protected.opt.oscore) == own
                got = client.unprotect_response(request, *to_us(protected)[1:])
                assert told(*got) == told(*answer)
        with pytest.raises(oscore.ReplayError):
            server.unprotect(to_them(*sent))


@pytest.mark.parametrize("start", [0, 255, 65535, (1 << 32) - 1])
@pytest.mark.parametrize("ids", IDS)
def test_their_requests_and_our_answers(ids, start):
    client_id, server_id, id_context = ids
    client, server = Theirs(client_id, server_id, id_context, start), ours(server_id, client_id, id_context, start)
    door = Server(os.urandom)
    door.put(server)
    for code, options, payload in REQUESTS:
        for answer in ANSWERS:
            protected, request_id = client.protect(outgoing(code, options, payload))
            sent = to_us(protected)
            received = door.receive(*sent[1:])
            assert told(*received[:3]) == told(code, options, payload)
            assert received[4] is server
            for _ in range(2):
                protected = to_them(*server.protect_response(received[3], *answer))
                got, _ = client.unprotect(protected, request_id)
                assert told(*to_us(got)) == told(*answer)
        with pytest.raises(TosError, match="Replay"):
            door.receive(*sent[1:])


def test_we_notify_them():
    client, server = Theirs(b"c", b"s"), ours(b"s", b"c")
    door = Server(os.urandom)
    door.put(server)
    protected, request_id = client.protect(outgoing(1, [(6, b""), (11, b"s")], b""))
    received = door.receive(*to_us(protected)[1:])
    assert coap.option(received[1], 6) == b""
    for n in range(40):
        sent = to_them(*server.protect_response(received[3], 69, [(6, bytes((n + 7,)))], b"%d" % n))
        got, _ = client.unprotect(sent, request_id)
        assert (got.opt.observe, got.payload) == (n, b"%d" % n)


def test_they_notify_us():
    client, server = ours(b"c", b"s"), Theirs(b"s", b"c")
    *sent, request = client.protect_request(1, [(6, b""), (11, b"s")], b"")
    received, request_id = server.unprotect(to_them(*sent))
    assert received.opt.observe == 0
    came = Notifications()
    for n in range(40):
        protected, _ = server.protect(outgoing(69, [(6, b"\x07")], b"%d" % n), request_id)
        message = to_us(protected)[1:]
        code, options, payload = client.unprotect_response(request, *message, came)
        # Theirs may send the first without a number: it is the oldest.
        assert coap.uint(coap.option(options, 6)) == max(n - 1, 0) and bytes(payload) == b"%d" % n
        with pytest.raises(TosError):
            client.unprotect_response(request, *message, came)


def test_they_refuse_what_we_refuse():
    client, server = ours(b"c", b"s"), Theirs(b"s", b"c")
    *sent, _ = client.protect_request(3, [(11, b"s")], b"\xf5")
    body = bytearray(sent[2])
    for bit in range(8 * len(body)):
        body[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(error.Error):
            server.unprotect(to_them(sent[0], sent[1], body))
        body[bit >> 3] ^= 1 << (bit & 7)
    server.unprotect(to_them(*sent))


def test_their_client_finds_its_way_through_our_echo():
    client, server = Theirs(b"c", b"s"), ours(b"s", b"c", start=128)
    server.window.known = False
    door = Server(os.urandom)
    door.put(server)
    options = [(11, b"s")]
    protected, request_id = client.protect(outgoing(3, options, b"\xf5"))
    *answer, _, context = door.receive(*to_us(protected)[1:])
    assert context is None
    got, _ = client.unprotect(to_them(*answer), request_id)
    assert int(got.code) == coap.UNAUTHORIZED and len(got.opt.echo) == 8
    protected, _ = client.protect(outgoing(3, [*options, (252, got.opt.echo)], b"\xf5"))
    assert door.receive(*to_us(protected)[1:])[4] is server


@pytest.mark.parametrize("sizes", [range(81), (127, 128, 129, 255, 256, 1023, 1024, 1151, 1152)])
def test_aes_ccm_beside_cryptography(sizes):
    key = os.urandom(16)
    reference, ccm = AESCCM(key, tag_length=8), Ccm(aes, oscore_kernel, key)
    for size in sizes:
        for aad_b in (1, 13, 14, 15, 29, 30, 31, 94):
            nonce, aad, plain = os.urandom(13), os.urandom(aad_b), os.urandom(size)
            sealed = reference.encrypt(nonce, plain, aad)
            assert ccm.crypt(nonce, aad, plain, size, False) == sealed
            assert ccm.crypt(nonce, aad, sealed, size, True) == plain
