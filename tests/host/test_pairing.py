"""Both ends of a pairing, and the code that people type: the host's implementation beside the device's."""

import os
import random
import re
import subprocess

import pytest
from toscore import cbor, hkdf, oscore_kernel, p256, pairing, pairing_code
from toscore.errors import AuthError, Busy
from toscore.oscore import Context
from tosplus.link import pair
from tosplus.link import pairing_code as code
from tosplus.sim.process import micropython
from unit.helpers import aes
from vectors import make

SECRET = bytes(range(100, 116))


class Device:
    """The device's side on CPython."""

    def __init__(self, secret=SECRET, rng=os.urandom, ids=()):
        self.kept = []
        self.ids = ids
        self.pairing = pairing.Pairing(secret, rng, cbor, lambda *paired: self.kept.append(paired))

    def begin(self, m1, roles=range(1, 7)):
        return list(self.pairing.begin(m1, "host", 0, roles, self.ids))[-1]

    def finish(self, m3):
        return self.pairing.finish(m3, "host", 0)


class OnMicroPython:
    """The device's side on MicroPython. What it refuses is an AssertionError here, with its words."""

    def __init__(self):
        self.process = subprocess.Popen(
            [micropython(), "tests/host/pairing_target.py", SECRET.hex()],
            env={**os.environ, "MICROPYPATH": "lib:.frozen"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, message):
        self.process.stdin.write(message.hex() + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture
def on_micropython():
    device = OnMicroPython()
    yield device
    device.process.stdin.close()
    assert device.process.wait(30) == 0
    device.process.stdout.close()


def test_the_vectors_are_those_that_are_made_here():
    assert make.files()["pairing.json"] == (make.HERE / "pairing.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("role", "name", "id"), [("owner", "", b""), ("input", "ü" * 16, b"1234567"), ("hub", "x", b"\0")]
)
def test_both_have_the_same_context_afterwards(role, name, id):
    device = Device(ids=[b"", b"\0", b"\1"])
    asker = pair.Asker(SECRET, role, name, id)
    m3, paired = asker.answer(device.begin(asker.m1))
    assert not device.kept
    kept = device.finish(m3)
    assert device.kept == [kept] and kept[:2] == (pair.ROLES[role], name)
    assert kept[2:4] == paired[:2] and kept[4:] == (paired.recipient_id, paired.sender_id) == (id, b"\2")

    # And they can talk.
    server = Context(aes, oscore_kernel, *kept[2:], lambda: 0)
    client = Context(aes, oscore_kernel, *paired, lambda: 0)
    server.window.begin()
    _, options, payload, _ = client.protect_request(1, [(11, b"d")], b"")
    assert server.unprotect_request(options[-1][1], options, payload)[0] == 1


def test_a_device_on_micropython(on_micropython):
    for n in range(20):
        asker = pair.Asker(SECRET, "hub", "hub %d" % n, bytes([n]))
        m3, paired = asker.answer(bytes.fromhex(on_micropython.say(asker.m1)))
        secret, salt, sender_id, recipient_id = [bytes.fromhex(part) for part in on_micropython.say(m3).split(" ")]
        assert (secret, salt, recipient_id, sender_id) == paired
        assert on_micropython.say(m3) == "WireError 365"


def test_a_device_on_micropython_refuses(on_micropython):
    asker = pair.Asker(bytes(16), "owner", "a stranger", b"\5")
    m2 = bytes.fromhex(on_micropython.say(asker.m1))
    assert on_micropython.say(asker.m1) == "Busy 364"
    with pytest.raises(pair.PairError) as e:
        asker.answer(m2)
    assert on_micropython.say(e.value.abandon) == "AuthError 366"
    assert on_micropython.say(pair.Asker(SECRET, "input", "", b"").m1) == "Denied 363"


def test_every_damage_to_m2_is_refused_by_the_host():
    device = Device()
    asker = pair.Asker(SECRET, "owner", "me", b"\7")
    m2 = device.begin(asker.m1)
    for end in range(len(m2)):
        with pytest.raises(pair.PairError):
            asker.answer(m2[:end])
    for bit in range(8 * len(m2)):
        damaged = bytearray(m2)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(pair.PairError):
            asker.answer(bytes(damaged))
    assert asker.answer(m2)


def test_noise_is_refused_by_the_host():
    rng = random.Random(5)
    asker = pair.Asker(SECRET, "owner", "me", b"\7")
    for _ in range(3000):
        with pytest.raises(pair.PairError):
            asker.answer(rng.randbytes(rng.randrange(90)))


def test_damage_to_m1_is_refused_by_the_host_at_the_latest():
    rng = random.Random(6)
    refused = 0
    for _ in range(150):
        device = Device()
        asker = pair.Asker(SECRET, "owner", "me", b"\7")
        damaged = bytearray(asker.m1)
        at = rng.randrange(8 * len(damaged))
        damaged[at >> 3] ^= 1 << (at & 7)
        try:
            m2 = device.begin(bytes(damaged))
        except pairing.WireError:
            assert not device.pairing.busy(0)
            refused += 1
            continue
        except pairing.Denied:
            continue
        with pytest.raises(pair.PairError) as e:
            asker.answer(m2)
        with pytest.raises(AuthError):
            device.finish(e.value.abandon)
        assert not device.kept and not device.pairing.busy(0)
    assert 20 < refused < 130


def test_a_wrong_secret_is_refused_on_both_sides():
    device = Device()
    asker = pair.Asker(bytes(16), "owner", "me", b"\7")
    m2 = device.begin(asker.m1)
    with pytest.raises(pair.PairError, match="code"):
        asker.answer(m2)
    # Who goes on without looking gets no further.
    keys = pair.derive(bytes(16), pair.agree(asker._private, m2[22:54]), asker._nonce, m2[3:19])
    with pytest.raises(AuthError):
        device.finish(b"\xa1\x06\x50" + pair.mac(keys.m3, b"tos:v1 m3", asker.m1 + m2 + b"\xa1\x06\x50"))
    assert not device.kept


def test_what_is_sent_back_is_refused():
    asker = pair.Asker(SECRET, "owner", "me", b"\7")
    m1 = asker.m1
    nonce, x = m1[5:21], m1[24:56]
    with pytest.raises(pair.PairError):
        asker.answer(m1)
    # Even under the right key, which nobody else can have.
    for own_nonce, own_x, id in ((bytes(16), x, b"\1"), (nonce, p256.GX.to_bytes(32, "big"), b"\1"),
                                 (bytes(16), p256.GX.to_bytes(32, "big"), b"\7")):  # fmt: skip
        keys = pair.derive(SECRET, pair.agree(asker._private, own_x), nonce, own_nonce)
        head = b"\xa4\x01\x50" + own_nonce + b"\x02\x58\x20" + own_x + b"\x05\x41" + id + b"\x06\x50"
        with pytest.raises(pair.PairError, match="came back"):
            asker.answer(head + pair.mac(keys.m2, b"tos:v1 m2", m1 + head))
    head = b"\xa4\x01\x50" + bytes(16) + b"\x02\x58\x20" + p256.GX.to_bytes(32, "big") + b"\x05\x41\1\x06\x50"
    keys = pair.derive(SECRET, pair.agree(asker._private, head[22:54]), nonce, bytes(16))
    assert asker.answer(head + pair.mac(keys.m2, b"tos:v1 m2", m1 + head))


def test_two_hosts_at_once():
    device = Device()
    first, second = (pair.Asker(SECRET, "owner", "", bytes([n])) for n in range(2))
    m2 = device.begin(first.m1)
    with pytest.raises(Busy):
        device.begin(second.m1)
    device.finish(first.answer(m2)[0])
    device.finish(second.answer(device.begin(second.m1))[0])
    assert len({kept[2] for kept in device.kept}) == 2


def test_keys_of_a_pairing_have_nothing_in_common():
    keys = pair.derive(SECRET, bytes(32), bytes(16), bytes(range(16)))
    assert len({key[:8] for key in keys}) == 4
    extracted = hkdf.extract(bytes(16) + bytes(range(16)), SECRET + bytes(32))
    assert hkdf.expand(extracted, b"tos:v1 master salt", 8) == keys.salt


# The code

CODE = code.encode("kettle-c0ffee", SECRET)


def test_both_write_the_same_code_and_it_is_read():
    rng = random.Random(1)
    for _ in range(300):
        secret = rng.randbytes(16)
        text = pairing_code.encode("kettle-c0ffee", secret)
        assert text == code.encode("kettle-c0ffee", secret)
        assert code.parse(text) == ("kettle-c0ffee", secret)


@pytest.mark.parametrize(
    "typed",
    [
        CODE.lower(), CODE.upper(), f"  {CODE}\n", CODE.replace("-", " ").replace("kettle c", "kettle-c"),
        CODE[:21] + CODE[21:].replace("-", ""), CODE.replace(":", " : "), CODE[:21] + CODE[21:].replace("O", "0"),
        CODE[:21] + "-".join(CODE[21:].replace("-", "")[i : i + 9] for i in (0, 9, 18)),
    ],
)  # fmt: skip
def test_how_a_code_is_typed_makes_no_difference(typed):
    assert code.parse(typed) == ("kettle-c0ffee", SECRET)


def test_digits_that_base32_lacks_are_the_letters_they_look_like():
    secret = bytes.fromhex("70e1c3870e1c3870e1c3870e1c38700e")
    text = code.encode("tv-1", secret)
    assert "O" in text[12:-1] or "B" in text[12:-1]
    assert code.parse(text[:12] + text[12:-3].replace("O", "0").replace("B", "8") + text[-3:]).secret == secret


def test_every_mistyped_character_is_noticed():
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    for place in range(21, len(CODE)):
        for letter in letters:
            if CODE[place] in "-" + letter:
                continue
            typed = CODE[:place] + letter + CODE[place + 1 :]
            with pytest.raises(code.CodeError):
                code.parse(typed)
    for place in range(7, 20):  # and in the device's id
        if CODE[place] != "-":
            with pytest.raises(code.CodeError):
                code.parse(CODE[:place] + ("a" if CODE[place] != "a" else "b") + CODE[place + 1 :])


def test_nearly_every_exchange_of_neighbours_is_noticed():
    rng = random.Random(2)
    unnoticed = exchanged = 0
    for _ in range(100):
        text = code.encode("tv-1", rng.randbytes(16)).replace("-", "").replace("tv1", "tv-1")
        for place in range(12, 37):
            a, b = text[place : place + 2]
            if a != b:
                exchanged += 1
                try:
                    code.parse(text[:place] + b + a + text[place + 2 :])
                    unnoticed += 1
                except code.CodeError:
                    pass
    assert exchanged > 2000 and unnoticed < exchanged / 100


@pytest.mark.parametrize(
    ("typed", "group", "words"),
    [
        ("tos:v1:tv-1:ABCD-EF1H-ABCD-ABCD-ABCD-ABCD-ABC", 2, "Is it I or L"),
        ("tos:v1:tv-1:ABCD-EFGH-A9CD-ABCD-ABCD-ABCD-ABC", 3, "no code has '9'"),
        ("tos:v1:tv-1:ABCD-EFGH-ABCD-ABC-ABCD-ABCD-ABC", 4, "3 characters and not 4"),
        ("tos:v1:tv-1:ABCD-EFGH-ABCD-ABCD-ABCDE-ABCD-ABC", 5, "5 characters"),
        ("tos:v1:tv-1:ABCD-EFGH-ABCD-ABCD-ABCD-ABCD", 7, "missing"),
        ("tos:v1:tv-1:ABCD-EFGH-ABCD-ABCD-ABCD-ABCD-AB", 7, "2 characters and not 3"),
        ("tos:v1:tv-1:ABCD-EFGH-ABCD-ABCD-ABCD-ABCD-ABC-D", 8, "one too many"),
        ("tos:v1:tv-1:ABCD-EFGH-ABCD-ABCD-ABCD-ABCD-AB!", 7, "no code has '!'"),
        ("tos:v1:tv-1:", 1, ""),
        ("tos:v1:tv-1", None, "looks like"),
        ("", None, "looks like"),
        ("tos:v2:tv-1:ABCD", None, "v2"),
        ("tos:v1:tv 1:ABCD", None, "id of a device"),
        (f"https://{CODE}", None, "looks like"),
    ],
)
def test_a_mistake_is_told_with_its_place(typed, group, words):
    with pytest.raises(code.CodeError) as e:
        code.parse(typed)
    assert e.value.group == group and words in str(e.value), e.value


def test_what_is_taken_for_another_letter_is_looked_for():
    found = 0
    for n in range(200):
        text = code.encode("tv-1", make.hashlib.sha256(b"%d" % n).digest()[:16])
        place = text.find("S", 12, -1)
        if place > 0:
            with pytest.raises(code.CodeError) as e:
                code.parse(text[:place] + "5" + text[place + 1 :])
            found += e.value.group == (place - 12) // 5 + 1
    assert found > 50


def test_a_group_that_no_code_has():
    text = code.encode("tv-1", bytes(16))
    secret = text[12:].replace("-", "")[:25] + "B"  # its last bits are padding
    with pytest.raises(code.CodeError) as e:
        code.parse(f"tos:v1:tv-1:{secret}{code.check('tv-1' + secret)}")
    assert e.value.group == 7


def test_noise_as_a_code():
    rng = random.Random(3)
    for _ in range(3000):
        text = "".join(rng.choice("ABab01289-: \n\tÄ٣") for _ in range(rng.randrange(40)))
        for typed in (text, "tos:v1:tv-1:" + text, text + CODE):
            try:
                assert code.parse(typed).secret
            except code.CodeError:
                pass


def test_the_example_of_the_document_is_the_first_vector():
    with open("docs/pairing.md", encoding="utf-8") as f:
        text = f.read()
    vector = make.pairings()[0]
    example = text[text.index("## An example") : text.index("## On a chip")]
    for name, value in vector.items():
        if isinstance(value, str) and len(value) >= 16 and name not in ("m1", "m2", "m3", "code", "device_id"):
            assert value in example, name
    messages, last = {}, ""
    for line in example[example.index("    m1 ") : example.index("    key for")].splitlines():
        name, shown = re.match(r"    (m\d)?\s+([0-9a-f ]*?)(?:   .*)?$", line + " " * 9).groups() if line else ("", "")
        last = name or last
        messages[last] = messages.get(last, "") + shown.replace(" ", "")
    assert messages == {name: vector[name] for name in ("m1", "m2", "m3")}
    assert vector["code"] in text
