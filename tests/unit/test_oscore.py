"""OSCORE, RFC 8613: Appendix C, what is inside and outside, and what is refused. Both interpreters."""

import json
from binascii import unhexlify

from helpers import Random, aes, kernel, raises
from toscore import coap, oscore_wire
from toscore.errors import AuthError, BadOption, StoreError, WireError
from toscore.oscore import Context
from toscore.oscore_server import Server
from toscore.sequence import LAST, Notifications, Reserve

UNDECODED, NO_CONTEXT, REPLAY, FORGED, NO_OBSERVATION = range(351, 356)

with open("tests/vectors/oscore_rfc8613_c.json") as f:
    APPENDIX_C = json.load(f)
CONTEXTS = APPENDIX_C["contexts"]
MESSAGES = APPENDIX_C["messages"]

SECRET = bytes(range(1, 17))


def context_of(vector, mirrored=False, n=20):
    ids = [unhexlify(vector["sender_id"]), unhexlify(vector["recipient_id"])]
    if mirrored:
        ids.reverse()
    id_context = unhexlify(vector["id_context"]) if "id_context" in vector else None
    secret, salt = unhexlify(vector["master_secret"]), unhexlify(vector["master_salt"])
    return Context(aes, kernel, secret, salt, ids[0], ids[1], lambda: n, id_context)


def peers(start=0, id_context=None, client=b"c", server=b"s", secret=SECRET):
    """A client and a server of one new context; numbers start there."""
    made = []
    for ids in ((client, server), (server, client)):
        reserve = Reserve(start, lambda n: None)
        made.append(Context(aes, kernel, secret, b"salt", ids[0], ids[1], reserve.next, id_context))
        made[-1].window.begin()
    return made


def serving(*contexts):
    server = Server(lambda n: bytes(range(n)))
    for context in contexts:
        server.put(context)
    return server


def plain(message):
    code, options, payload = message[:3]
    return code, [(number, bytes(value)) for number, value in options], bytes(payload)


def datagram(message, token=b"\x01"):
    return coap.encode(coap.CON, message[0], 1, token, message[1], message[2])


def arrived(data):
    return coap.decode(data)[4:]


# Appendix C


def test_rfc8613_c1_to_c3_keys_of_both_sides():
    assert len(CONTEXTS) == 3
    for vector in CONTEXTS:
        keys = []

        def recorded(key, mode, iv=None, keys=keys):
            keys.append(bytes(key))
            return aes(key, mode) if iv is None else aes(key, mode, iv)

        for mirrored in (False, True):
            ids = [unhexlify(vector["sender_id"]), unhexlify(vector["recipient_id"])]
            wanted = [unhexlify(vector["sender_key"]), unhexlify(vector["recipient_key"])]
            if mirrored:
                ids.reverse()
                wanted.reverse()
            keys.clear()
            context = Context(
                recorded,
                kernel,
                unhexlify(vector["master_secret"]),
                unhexlify(vector["master_salt"]),
                ids[0],
                ids[1],
                None,
                unhexlify(vector["id_context"]) if "id_context" in vector else None,
            )
            assert keys == [wanted[0]] * 2 + [wanted[1]] * 2
            for side in (context._sender, context._recipient):
                id = side.id
                mask = bytes((len(id),)) + bytes(7 - len(id)) + id + bytes(5)
                assert bytes([a ^ b for a, b in zip(side.base, mask)]) == unhexlify(vector["common_iv"])


def test_rfc8613_c4_to_c6_requests():
    for vector, message in zip(CONTEXTS, MESSAGES):
        kind, code, mid, token, options, payload = coap.decode(unhexlify(message["plain"]))
        client = context_of(vector, n=message["sequence"])
        outer, sealed, body, request = client.protect_request(code, options, payload)
        protected = unhexlify(message["protected"])
        assert coap.encode(kind, outer, mid, token, sealed, body) == protected
        server = context_of(vector, mirrored=True)
        server.window.begin()
        received = serving(server).receive(*arrived(protected))
        assert plain(received) == (code, options, payload)
        assert received[3:] == (request, server)


def test_rfc8613_c7_and_c8_responses():
    request = coap.option(arrived(unhexlify(MESSAGES[0]["protected"]))[0], 9)
    for message, own in ((MESSAGES[3], False), (MESSAGES[4], True)):
        kind, code, mid, token, options, payload = coap.decode(unhexlify(message["plain"]))
        server = context_of(CONTEXTS[0], mirrored=True, n=0)
        server.begin(request)
        if own:
            server.protect_response(request, code, options, payload)
        outer, sealed, body = server.protect_response(request, code, options, payload)
        protected = unhexlify(message["protected"])
        assert coap.encode(kind, outer, mid, token, sealed, body) == protected
        client = context_of(CONTEXTS[0])
        assert plain(client.unprotect_response(request, *arrived(protected))) == (code, options, payload)


# What is inside and outside


def test_only_what_proxies_need_is_outside_and_all_arrives():
    client, server = peers()
    options = [
        (3, b"host"), (4, b"etag"), (7, b"\x16"), (11, b"s"), (11, b"power"), (12, b"\x3c"), (14, b"\x05"),
        (23, b"\x0e"), (27, b"\x1e"), (60, b"\x09"), (252, b"echo"), (258, b"\x1a"), (2053, b"x" * 300),
    ]  # fmt: skip
    code, outer, body, _ = client.protect_request(2, options, b"payload")
    assert code == 2 and [number for number, _ in outer] == [3, 7, 9]
    assert b"power" not in body and b"payload" not in body
    assert plain(serving(server).receive(*arrived(datagram((code, outer, body))))) == (2, options, b"payload")


def test_rfc8613_section_8_2_what_should_be_inside_is_discarded_outside():
    client, server = peers()
    code, outer, body, _ = client.protect_request(3, [(11, b"s")], b"1")
    forged = sorted(outer + [(4, b"no"), (11, b"other"), (12, b""), (14, b""), (23, b""), (27, b""), (258, b"\x1a")])
    received = plain(serving(server).receive(forged, bytes(body)))
    assert received == (3, [(11, b"s")], b"1")


def test_a_response_keeps_its_own_code_and_options_inside():
    client, server = peers()
    code, outer, body, request = client.protect_request(1, [(11, b"s")], b"")
    received = serving(server).receive(outer, body)
    answer = server.protect_response(received[3], 132, [(12, b""), (27, b"\x08")], b"404")
    assert answer[0] == 68 and answer[1] == [(9, b"")]
    assert plain(client.unprotect_response(request, *answer[1:])) == (132, [(12, b""), (27, b"\x08")], b"404")


def test_sizes_on_the_wire():
    client, _ = peers(255, client=b"\x01", server=b"")
    update = client.protect_request(3, [(11, b"s"), (11, b"p")], b"\xf5")
    assert len(datagram(update, b"")) - len(datagram((3, [(11, b"s"), (11, b"p")], b"\xf5"), b"")) <= 8 + 6


def test_partial_ivs_of_every_length():
    for n in (0, 1, 255, 256, 65535, 65536, (1 << 24) - 1, 1 << 24, 1 << 31, (1 << 32) - 1, 1 << 32, LAST):
        client, server = peers(n)
        for id_context in (None, b"", b"net"):
            client, server = peers(n, id_context)
            message = client.protect_request(1, [(11, b"s")], b"")
            received = serving(server).receive(*arrived(datagram(message)))
            answers = [server.protect_response(received[3], 69, [], b"%d" % i) for i in range(2)]
            for i, answer in enumerate(answers):
                assert plain(client.unprotect_response(message[3], *answer[1:]))[2] == b"%d" % i
            assert raises(AuthError, serving(server).receive, message[1], message[2]).code == REPLAY


def test_messages_that_cannot_be_one():
    client, server = peers()
    raises(ValueError, client.protect_request, 1, [(9, b"")], b"")
    raises(ValueError, client.protect_request, 1, [(12, b""), (11, b"")], b"")
    raises(ValueError, client.protect_request, 1, [], bytes(1152))
    assert oscore_wire.number(client.protect_request(1, [], b"")[3]) == 0  # and they cost no number
    for bad in ((b"a", b"a"), (bytes(8), b""), (b"", bytes(8))):
        raises(ValueError, Context, aes, kernel, SECRET, b"", bad[0], bad[1], None)
    raises(ValueError, Context, aes, kernel, SECRET, b"", b"a", b"b", None, bytes(24))


def test_numbers_spent_or_not_kept_send_nothing():
    client, server = peers(LAST)
    request = client.protect_request(1, [], b"")
    assert raises(StoreError, client.protect_request, 1, [], b"").code == 422
    # An answer with the nonce of its request costs none.
    received = serving(server).receive(request[1], request[2])
    server._next_sequence = client._next_sequence
    server.protect_response(received[3], 69, [], b"")
    raises(StoreError, server.protect_response, received[3], 69, [], b"")


def test_oscore_within_oscore_is_refused():
    client, server = peers()
    put = oscore_wire._OUTER
    try:
        oscore_wire._OUTER = ()
        oscore_wire.OPTION = 10
        message = client.protect_request(1, [(9, b"\x01")], b"")
    finally:
        oscore_wire._OUTER = put
        oscore_wire.OPTION = 9
    assert raises(WireError, serving(server).receive, message[1], message[2]).code == 323


# What is refused


def test_every_truncation_and_flipped_bit_is_refused_and_changes_nothing():
    client, server = peers(300)
    door = serving(server)
    message = client.protect_request(3, [(11, b"s"), (12, b"\x3c")], b"\xa1\x01\xf5")
    value, body = message[3], bytes(message[2])
    before = server.window.top, server.window.seen

    def refused(value, body):
        e = raises((WireError, AuthError), door.receive, [(9, value)], body)
        assert (e.code, e.coap) in ((UNDECODED, 130), (NO_CONTEXT, 129), (FORGED, 128)), (value, body)
        assert (server.window.top, server.window.seen) == before
        return e.code

    for end in range(len(body)):
        assert refused(value, body[:end]) == FORGED
    for end in range(len(value)):
        refused(value[:end], body)
    for bit in range(8 * len(body)):
        damaged = bytearray(body)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        assert refused(value, bytes(damaged)) == FORGED
    for bit in range(8 * len(value)):
        damaged = bytearray(value)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        refused(bytes(damaged), body)
    assert plain(door.receive([(9, value)], body))[2] == b"\xa1\x01\xf5"
    assert raises(AuthError, door.receive, [(9, value)], body).code == REPLAY


def test_every_damage_to_a_response_is_refused():
    client, server = peers()
    message = client.protect_request(1, [], b"")
    received = serving(server).receive(message[1], message[2])
    for _ in range(2):
        _, outer, body = server.protect_response(received[3], 69, [(12, b"")], b"21.5")
        value, body = outer[0][1], bytes(body)
        for end in range(len(body)):
            raises(WireError, client.unprotect_response, message[3], outer, body[:end])
        for bit in range(8 * len(body)):
            damaged = bytearray(body)
            damaged[bit >> 3] ^= 1 << (bit & 7)
            raises(WireError, client.unprotect_response, message[3], outer, damaged)
        for bit in range(8 * len(value)):
            damaged = bytearray(value)
            damaged[bit >> 3] ^= 1 << (bit & 7)
            raises(WireError, client.unprotect_response, message[3], [(9, bytes(damaged))], body)
        other = client.protect_request(1, [], b"")
        raises(WireError, client.unprotect_response, other[3], outer, body)
        assert plain(client.unprotect_response(message[3], outer, body))[2] == b"21.5"


def test_malformed_options():
    client, server = peers()
    _, _, body, value = client.protect_request(1, [], b"")
    for bad in ("", "00", "08", "0a000163", "0e", "0f", "1900", "190005", "29", "49", "89", "01", "0100"):
        e = raises(BadOption, serving(server).receive, [(9, unhexlify(bad))], body)
        assert (e.code, e.coap) == (UNDECODED, 130), bad
    raises(BadOption, serving(server).receive, [(9, value), (9, value)], body)
    raises(BadOption, serving(server).receive, [], body)


def test_the_inner_message_must_be_one():
    client, server = peers()
    for inner in (b"\x01\xff", b"\x01\xb5s", b"\x01\xf0"):
        value = client._value(client._next_sequence())
        sealed = client._crypt(client._sender, value, client._sender, value, inner, len(inner), False)
        assert raises(WireError, serving(server).receive, [(9, value)], sealed).code == 323
        assert raises(AuthError, serving(server).receive, [(9, value)], sealed).code == REPLAY
    value = client._value(client._next_sequence())
    empty = client._crypt(client._sender, value, client._sender, value, b"", 0, False)
    assert raises(WireError, serving(server).receive, [(9, value)], empty).code == FORGED


def test_a_response_that_names_another_sender_or_a_context_is_refused():
    client, server = peers()
    message = client.protect_request(1, [], b"")
    received = serving(server).receive(message[1], message[2])
    _, _, body = server.protect_response(received[3], 69, [], b"")
    assert client.unprotect_response(message[3], [(9, b"\x08s")], body)
    for value in (b"\x08c", b"\x10\x01n", b"\x18\x00s"):
        raises(BadOption, client.unprotect_response, message[3], [(9, value)], body)


# Several contexts


def test_a_request_finds_its_context_by_kid_and_kid_context():
    all = [peers(0, id_context, client=kid, secret=SECRET + kid + (id_context or b""))
           for kid in (b"", b"a", b"ab") for id_context in (None, b"n1", b"n2")]  # fmt: skip
    door = serving(*[server for _, server in all])
    for client, server in all:
        message = client.protect_request(1, [(11, b"s")], b"")
        assert door.receive(message[1], message[2])[4] is server
    stranger, _ = peers(client=b"x")
    message = stranger.protect_request(1, [], b"")
    e = raises(AuthError, door.receive, message[1], message[2])
    assert (e.code, e.coap) == (NO_CONTEXT, 129)


def test_a_kid_context_may_be_left_out_but_not_be_another():
    client, server = peers(0, b"net")
    message = client.protect_request(1, [], b"")
    value = bytearray(message[3])
    assert bytes(value) == b"\x19\x00\x03netc"
    assert raises(AuthError, serving(server).receive, [(9, b"\x19\x00\x03nexc")], message[2]).code == NO_CONTEXT
    assert raises(AuthError, serving(peers()[1]).receive, [(9, bytes(value))], message[2]).code == NO_CONTEXT
    assert serving(server).receive([(9, b"\x09\x00c")], message[2])[4] is server


def test_a_new_key_replaces_the_old_one():
    client, server = peers()
    door = serving(server)
    old = client.protect_request(1, [], b"")
    client, renewed = peers(secret=bytes(16))
    door.put(renewed)
    assert raises(WireError, door.receive, old[1], old[2]).code == FORGED
    new = client.protect_request(1, [], b"")
    assert door.receive(new[1], new[2])[4] is renewed
    door.remove(renewed)
    assert raises(AuthError, door.receive, new[1], new[2]).code == NO_CONTEXT


# Nonces


def test_no_nonce_is_used_twice_whatever_is_answered_and_in_which_order():
    used = []

    class Recorder:
        """A kernel that keeps the nonces with which something was sealed."""

        def __getattr__(self, name):
            return getattr(kernel, name)

        def crypt(self, blocks, chain, nonce, aad, out, data, stream, plain, size):
            if plain is data:
                used.append(bytes(nonce))
            return kernel.crypt(blocks, chain, nonce, aad, out, data, stream, plain, size)

    client, server = peers()
    server.kernel = server._sender.ccm._kernel = Recorder()
    door = serving(server)
    rng = Random(7)
    requests = []
    for _ in range(400):
        if rng.below(3) == 0:
            message = client.protect_request(1, [(6, b"")] if rng.below(2) else [], b"")
            requests.append(door.receive(message[1], message[2])[3])
        elif requests:
            request = requests[-1 - rng.below(min(3, len(requests)))]
            server.protect_response(request, 69, [(6, b"\x01")] if rng.below(2) else [], b"")
    assert len(used) > 200 and len(set(used)) == len(used)


def test_the_first_answer_needs_no_number_and_every_other_has_its_own():
    client, server = peers()
    message = client.protect_request(1, [], b"")
    received = serving(server).receive(message[1], message[2])
    values = [server.protect_response(received[3], 69, [], b"")[1][0][1] for _ in range(3)]
    assert values == [b"", b"\x01\x00", b"\x01\x01"]


# Observe


def test_an_observation_from_registration_to_cancellation():
    client, server = peers()
    door = serving(server)
    message = client.protect_request(1, [(6, b""), (11, b"s")], b"")
    assert message[0] == 5 and (6, b"") in message[1]  # FETCH
    received = door.receive(*arrived(datagram(message)))
    assert plain(received)[1] == [(6, b""), (11, b"s")]
    came = Notifications()
    sent = [server.protect_response(received[3], 69, [(6, bytes((n + 1,)))], b"%d" % n) for n in range(4)]
    assert [code for code, _, _ in sent] == [69] * 4
    assert [coap.option(options, 9) for _, options, _ in sent] == [b"\x01" + bytes((n,)) for n in range(4)]
    for n in (0, 2):
        _, options, payload = client.unprotect_response(message[3], sent[n][1], sent[n][2], came)
        assert (coap.uint(coap.option(options, 6)), bytes(payload)) == (n, b"%d" % n)
    for n in (0, 1, 2):  # played again, or late
        e = raises(AuthError, client.unprotect_response, message[3], sent[n][1], sent[n][2], came)
        assert e.code == REPLAY
    assert client.unprotect_response(message[3], sent[3][1], sent[3][2], came)
    gone = server.protect_response(received[3], 132, [], b"")  # an error ends it, and has a number too
    assert coap.option(gone[1], 9) == b"\x01\x04"
    assert client.unprotect_response(message[3], gone[1], gone[2], came)[0] == 132
    cancel = client.protect_request(1, [(6, b"\x01"), (11, b"s")], b"")
    assert plain(door.receive(cancel[1], cancel[2]))[1] == [(6, b"\x01"), (11, b"s")]


def test_the_outer_observe_of_a_notification_says_nothing():
    client, server = peers()
    message = client.protect_request(1, [(6, b"")], b"")
    received = serving(server).receive(message[1], message[2])
    _, options, body = server.protect_response(received[3], 69, [(6, b"\x05")], b"")
    for outer in ([(9, options[1][1])], [(6, b"\xff\xff"), (9, options[1][1])]):
        assert plain(client.unprotect_response(message[3], outer, body, Notifications()))[1] == [(6, b"")]


def test_a_registration_that_a_proxy_does_not_pass_on_is_a_plain_get():
    client, server = peers()
    message = client.protect_request(1, [(6, b""), (11, b"s")], b"")
    assert plain(serving(server).receive([(9, message[3])], message[2]))[1] == [(11, b"s")]


def test_a_notification_of_nothing_is_refused():
    client, server = peers()
    message = client.protect_request(1, [], b"")
    received = serving(server).receive(message[1], message[2])
    _, options, body = server.protect_response(received[3], 69, [(6, b"\x05")], b"")
    assert raises(WireError, client.unprotect_response, message[3], options, body).code == NO_OBSERVATION


# After a cold boot


def rebooted(server):
    """The same context as it is after a power cut."""
    client, fresh = peers(1000)
    fresh.window.known = False
    return fresh


def test_rfc8613_b_1_2_after_a_cold_boot_only_what_is_shown_to_be_fresh_is_taken():
    client, server = peers()
    old = [client.protect_request(3, [(11, b"s")], b"\xf5") for _ in range(3)]
    for n in (0, 1):
        serving(server).receive(old[n][1], old[n][2])
    server = rebooted(server)
    door = serving(server)
    code, options, body, request, context = door.receive(old[1][1], old[1][2])
    assert context is None and request is None
    assert coap.option(options, 9) == b"\x02\x03\xe8"  # a number of its own
    answer = client.unprotect_response(old[1][3], options, body)
    assert answer[0] == 129
    echo = bytes(coap.option(answer[1], 252))
    assert len(echo) == 8
    # Recordings are worth one answer each, in their order, and nothing else.
    for n in (0, 1):
        assert raises(AuthError, door.receive, old[n][1], old[n][2]).code == REPLAY
    wrong = client.protect_request(3, [(11, b"s"), (252, b"\xff" + echo[1:])], b"\xf5")
    assert door.receive(wrong[1], wrong[2])[4] is None
    assert not server.window.known
    again = client.protect_request(3, [(11, b"s"), (252, echo)], b"\xf5")
    received = door.receive(again[1], again[2])
    assert plain(received)[2] == b"\xf5" and received[4] is server and server.window.known
    for message in old + [wrong, again]:
        assert raises(AuthError, door.receive, message[1], message[2]).code == REPLAY
    _, options, body = server.protect_response(received[3], 68, [], b"")
    assert coap.option(options, 9) == b"" and client.unprotect_response(again[3], options, body)[0] == 68
    following = client.protect_request(1, [], b"")
    assert door.receive(following[1], following[2])[4] is server


def test_forgeries_after_a_cold_boot_get_no_echo():
    client, server = peers()
    server.window.known = False
    message = client.protect_request(3, [], b"\xf5")
    raises(WireError, serving(server).receive, message[1], bytes(message[2])[:-1] + b"\0")
    assert server.window.echo is None


def test_a_context_is_as_after_a_cold_boot_until_it_is_said_to_be_new():
    reserve = Reserve(0, lambda n: None)
    server = Context(aes, kernel, SECRET, b"salt", b"s", b"c", reserve.next)
    message = peers()[0].protect_request(1, [], b"")
    assert serving(server).receive(message[1], message[2])[4] is None
