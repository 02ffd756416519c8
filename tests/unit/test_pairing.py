"""Pairing on a device: the vectors of the host's own implementation, and what is refused. Both interpreters."""

import json
from binascii import hexlify, unhexlify

from helpers import Random, raises
from toscore import cbor, hkdf, p256, pairing, pairing_code
from toscore.errors import AuthError, Busy, Denied, StoreError, WireError
from toscore.pairing import EXPIRY_MS, OWNER, Pairing

MALFORMED, VERSION, ROLE, BUSY, OVER, SECRET = range(361, 367)

with open("tests/vectors/pairing.json") as f:
    VECTORS = json.load(f)

ROLES = range(1, 7)
HOST = ("192.0.2.1", 5683)
KNOWN = VECTORS[0]


def scripted(vector):
    """Draws the scalar and the nonce of this vector; what blinds the ladders is the scalar again."""
    return lambda n: unhexlify(vector["device_nonce" if n == 16 else "device_scalar"])


class Rig:
    """A device that pairs as this vector has it, and what it kept."""

    def __init__(self, vector=KNOWN, rng=None):
        self.kept = []
        self.vector = vector
        self.m1, self.m2, self.m3 = [unhexlify(vector[name]) for name in ("m1", "m2", "m3")]
        rng = rng or scripted(vector)
        self.device = Pairing(unhexlify(vector["secret"]), rng, cbor, lambda *paired: self.kept.append(paired))

    def begin(self, m1=None, peer=HOST, now_ms=0, roles=ROLES):
        ids = [unhexlify(id) for id in self.vector["ids_in_use"]]
        return self.device.begin(self.m1 if m1 is None else m1, peer, now_ms, roles, ids)

    def answer(self, *args):
        m2 = None
        for m2 in self.begin(*args):
            assert m2 is None or len(m2) >= 74
        return m2

    def finish(self, m3=None, peer=HOST, now_ms=1):
        return self.device.finish(self.m3 if m3 is None else m3, peer, now_ms)


_answered = []


def answered():
    """A rig in which m2 was sent, made once: that takes two ladders."""
    if not _answered:
        rig = Rig()
        assert rig.answer() == rig.m2
        _answered.append((rig, rig.device._running))
    rig, exchange = _answered[0]
    rig.device._running = exchange
    rig.kept.clear()
    return rig


def fields(**changed):
    """m1 with other values at keys k0 to k9; None leaves one out."""
    values = cbor.loads(unhexlify(KNOWN["m1"]))
    for name, value in changed.items():
        values[int(name[1:])] = value
    out = bytearray()
    present = [key for key in range(10) if values.get(key) is not None]
    out.append(0xA0 + len(present))
    for key in present:
        cbor.append(out, key, 1)
        cbor.append(out, values[key], 1)
    return bytes(out)


# The exchange


def test_the_vectors_of_the_host():
    assert len(VECTORS) == 3
    for vector in VECTORS:
        rig = Rig(vector)
        assert rig.answer() == rig.m2
        paired = rig.finish()
        assert rig.kept == [paired]
        assert paired[:2] == (vector["role"], vector["name"])
        assert [hexlify(part).decode() for part in paired[2:]] == [
            vector[name] for name in ("master_secret", "master_salt", "device_sender_id", "device_recipient_id")
        ]


def test_work_is_done_in_pieces():
    pieces = list(Rig().begin())
    assert len(pieces) == 65 and pieces[:-1] == [None] * 64 and pieces[-1] == unhexlify(KNOWN["m2"])


def test_the_peer_is_kept_before_the_device_answers_and_not_without():
    rig = answered()

    def full(*paired):
        raise StoreError(406)

    rig.device._keep, keep = full, rig.device._keep
    raises(StoreError, rig.finish)
    rig.device._keep = keep
    assert not rig.kept and not rig.device.busy(1)
    assert raises(WireError, rig.finish).code == OVER


def test_m1_and_m3_are_told_apart():
    rig = answered()
    assert pairing.is_last(rig.m3) and not pairing.is_last(rig.m1) and not pairing.is_last(b"")


def test_ids_are_new_and_differ():
    taken = [bytes((n,)) for n in range(5)]
    rig = Rig(rng=Random(5).bytes)
    list(rig.device.begin(fields(k5=b"\x05"), HOST, 0, ROLES, taken))
    assert rig.device._running.ids == (b"\x05", b"\x06")
    rig = Rig(rng=Random(5).bytes)
    raises(Busy, rig.device.begin, rig.m1, HOST, 0, ROLES, [bytes((n,)) for n in range(256)])
    assert not rig.device.busy(0)


def test_a_game_pad_sends_with_the_empty_id_while_it_is_free():
    given = []
    for own, taken in ((b"\x05", []), (b"\x05", [b""]), (b"", [])):
        rig = Rig(rng=Random(5).bytes)
        list(rig.device.begin(fields(k3=pairing.INPUT, k5=own), HOST, 0, ROLES, taken))
        given.append(rig.device._running.ids[1])
    assert given == [b"", b"\x00", b"\x00"]


# What is refused, and changes nothing


def test_every_truncation_of_m1_is_refused():
    rig = Rig()
    for end in range(len(rig.m1)):
        raises(WireError, rig.begin, rig.m1[:end])
        assert not rig.device.busy(0)
    raises(WireError, rig.begin, rig.m1 + b"\0")
    raises(WireError, rig.begin, bytes(129))


def test_a_flipped_bit_in_m1_makes_another_m2_key_or_is_refused():
    bits = Random(9)
    accepted = 0
    for _n in range(40):
        rig = Rig()
        m1 = bytearray(rig.m1)
        at = bits.below(8 * len(m1))
        m1[at >> 3] ^= 1 << (at & 7)
        try:
            m2 = rig.answer(bytes(m1))
        except (WireError, Denied):
            assert not rig.device.busy(0)
            continue
        accepted += 1
        assert m2[-16:] != rig.m2[-16:]
        assert raises(AuthError, rig.finish).code == SECRET and not rig.kept
    assert accepted > 10


def test_fields_of_m1_that_are_not_what_they_must_be():
    x = unhexlify(KNOWN["m1"])[24:56]
    assert p256.is_x(x)
    rig = Rig()
    for wrong in (
        fields(k0="1"), fields(k0=True), fields(k1=bytes(15)), fields(k1=bytes(17)), fields(k1="0" * 16), fields(k1=5),
        fields(k2=x[1:]), fields(k2=x + b"\0"), fields(k2=bytes(31) + b"\1"), fields(k2=b"\xff" * 32),
        fields(k3="owner"), fields(k3=True), fields(k3=[1]), fields(k4=b"name"), fields(k4="x" * 33),
        fields(k4="ü" * 17),
        fields(k4="a\nb"), fields(k4="\x7f"), fields(k5=bytes(8)), fields(k5=1), fields(k5="a"), fields(k6=bytes(16)),
        fields(k9=1), fields(k3=None), fields(k5=None), fields(k0=None), b"\x01", b"\x80", b"\xa0", b"\xf6",
        b"\xa1\x00\x01", fields(k4={}), fields(k4=cbor.Tag(1, 2)), fields(k4=cbor.undefined),
    ):  # fmt: skip
        e = raises(WireError, rig.begin, wrong)
        assert e.code in (MALFORMED, 303), hexlify(wrong)
        assert not rig.device.busy(0)
    assert rig.answer() == rig.m2


def test_points_of_the_twist_are_refused():
    with open("tests/vectors/p256.json") as f:
        twist = json.load(f)["twist"]
    for _, x in twist:
        rig = Rig()
        assert raises(WireError, rig.begin, fields(k2=unhexlify(x))).code == MALFORMED
        assert not rig.device.busy(0)


def test_an_unknown_version_is_refused_whatever_else_it_has():
    rig = Rig()
    for m1 in (fields(k0=0), fields(k0=2), fields(k0=-1), fields(k0=2, k9=1), fields(k0=2, k2=None)):
        assert raises(WireError, rig.begin, m1).code == VERSION


def test_a_role_that_may_not_be_had_is_refused():
    rig = Rig()
    for m1, roles in (
        (rig.m1, ()),
        (rig.m1, (2, 3)),
        (fields(k3=0), ROLES),
        (fields(k3=7), ROLES),
        (fields(k3=-1), ROLES),
    ):
        e = raises(Denied, rig.begin, m1, HOST, 0, roles)
        assert (e.code, e.coap) == (ROLE, 131) and not rig.device.busy(0)


def test_every_truncation_and_flipped_bit_of_m3_is_refused_and_ends_the_exchange():
    m3 = unhexlify(KNOWN["m3"])
    wrong = [m3[:end] for end in range(len(m3))] + [m3 + b"\0"]
    for bit in range(8 * len(m3)):
        damaged = bytearray(m3)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        wrong.append(bytes(damaged))
    for message in wrong:
        rig = answered()
        e = raises((WireError, AuthError), rig.finish, message)
        assert e.code == (SECRET if len(message) == 19 and message[:3] == m3[:3] else MALFORMED)
        assert raises(WireError, rig.finish).code == OVER and not rig.kept


def test_a_wrong_secret_shows_with_m3_only():
    right = answered()
    m2 = right.m2
    rig = Rig()
    rig.device._secret = bytes(16)
    other = rig.answer()
    assert len(other) == len(m2) and other[:-16] == m2[:-16] and other[-16:] != m2[-16:]
    e = raises(AuthError, rig.finish)
    assert (e.code, e.coap) == (SECRET, 129) and not rig.kept


def test_the_mac_of_m2_sent_back_is_not_that_of_m3():
    rig = answered()
    assert raises(AuthError, rig.finish, rig.m3[:3] + rig.m2[-16:]).code == SECRET


def test_a_recorded_exchange_opens_nothing():
    rig = answered()
    rig.finish()
    assert len(rig.kept) == 1
    assert raises(WireError, rig.finish).code == OVER  # m3 again
    again = Rig(rng=Random(21).bytes)
    m2 = again.answer(rig.m1)
    assert m2 != rig.m2 and raises(AuthError, again.finish, rig.m3).code == SECRET
    assert not again.kept


def test_nonces_and_keys_are_new_each_time():
    rng = Random(4).bytes
    rig = Rig(rng=rng)
    seen = []
    for n in range(3):
        m2 = rig.answer(None, HOST, n * EXPIRY_MS)
        seen += [m2[3:19], m2[22:54]]
    assert len(set(seen)) == 6


def test_a_mirror_is_refused():
    # Our own x, and our own nonce: an attacker cannot know them first, but a random generator may repeat itself.
    own_x = unhexlify(KNOWN["m2"])[22:54]
    for m1 in (fields(k2=own_x), fields(k1=unhexlify(KNOWN["device_nonce"]))):
        rig = Rig()
        assert raises(WireError, rig.answer, m1).code == MALFORMED
        assert not rig.device.busy(0)
    rig = Rig()
    assert raises(WireError, rig.begin, rig.m2).code == MALFORMED


# One exchange at a time


def test_a_second_exchange_is_told_to_wait_and_the_first_goes_on():
    rig = Rig()
    work = rig.begin()
    for peer in (HOST, ("192.0.2.2", 5683)):
        e = raises(Busy, rig.begin, fields(k1=bytes(16)), peer)
        assert (e.code, e.coap) == (BUSY, 163)
    m2 = list(work)[-1]
    raises(Busy, rig.begin, None, HOST, EXPIRY_MS - 1)
    assert m2 == rig.m2 and rig.finish() and len(rig.kept) == 1
    assert not rig.device.busy(1)


def test_m3_must_come_from_where_m1_came():
    rig = answered()
    for m3 in (rig.m3, bytes(19), b""):
        assert raises(WireError, rig.finish, m3, ("192.0.2.2", 5683)).code == OVER
    assert rig.finish()


def test_m3_before_m2_or_without_m1_is_refused():
    rig = Rig()
    assert raises(WireError, rig.finish).code == OVER
    work = rig.begin()
    next(work)
    assert raises(WireError, rig.finish).code == OVER
    assert list(work)[-1] == rig.m2 and rig.finish()


def test_an_exchange_ends_by_itself():
    rig = answered()
    assert raises(WireError, rig.finish, rig.m3, HOST, EXPIRY_MS).code == OVER
    assert not rig.kept
    rig = answered()
    assert rig.finish(rig.m3, HOST, EXPIRY_MS - 1)


def test_work_on_an_exchange_that_is_over_does_not_touch_the_next():
    rig = Rig(rng=Random(8).bytes)
    old = rig.begin()
    next(old)
    new = rig.begin(rig.m1, HOST, EXPIRY_MS)
    next(new)
    late = list(old)[-1]
    assert rig.device._running.keys is None
    assert list(new)[-1] != late and rig.device.busy(EXPIRY_MS)


def test_a_secret_has_16_bytes():
    raises(ValueError, Pairing, bytes(15), None, cbor, None)


def test_noise_is_refused():
    noise = Random(6)
    rig = Rig()
    for _ in range(300):
        raises((WireError, AuthError), rig.begin, noise.bytes(noise.below(140)))
        raises((WireError, AuthError), rig.finish, noise.bytes(noise.below(24)))
    assert not rig.kept and rig.answer() == rig.m2


def test_macs_cover_all_that_was_sent():
    v = KNOWN
    m1, m2, m3 = [unhexlify(v[name]) for name in ("m1", "m2", "m3")]
    assert hkdf.hmac(unhexlify(v["m2_key"]), b"tos:v1 m2" + m1 + m2[:-16])[:16] == m2[-16:]
    assert hkdf.hmac(unhexlify(v["m3_key"]), b"tos:v1 m3" + m1 + m2 + m3[:-16])[:16] == m3[-16:]


# The code that people see


def test_codes_of_the_vectors():
    for vector in VECTORS:
        assert pairing_code.encode(vector["device_id"], unhexlify(vector["secret"])) == vector["code"]


def test_iso7064_mod_37_36():
    # The Global Release Identifier that IFPI's standard has as its example.
    assert pairing_code.check("A1-2425G-ABC1234002") == "M"
    assert pairing_code.check("a12425gabc1234002") == "M"


def test_every_role_has_its_number():
    assert (OWNER, pairing.CONTROL, pairing.INPUT, pairing.HUB, pairing.TOKENS, pairing.PEER) == (1, 2, 3, 4, 5, 6)
