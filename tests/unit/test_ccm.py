"""AES-CCM and HKDF: vectors of RFC 3610 and RFC 5869, limits; the twins of the kernel. Both interpreters."""

from binascii import unhexlify

from helpers import Random, aes, kernel, raises
from toscore import coap, hkdf, oscore_kernel
from toscore.ccm import MAX_B, Ccm
from toscore.errors import WireError

KEY = bytes(range(0xC0, 0xD0))
NONCE = unhexlify("00000003020100a0a1a2a3a4a5")


def seal(ccm, nonce, aad, plain):
    return bytes(ccm.crypt(nonce, aad, plain, len(plain), False))


def opened(ccm, nonce, aad, sealed):
    plain = ccm.crypt(nonce, aad, sealed, len(sealed) - 8, True)
    return plain if plain is None else bytes(plain)


def test_rfc3610_section_8_packet_vector_1():
    sealed = seal(Ccm(aes, kernel, KEY), NONCE, bytes(range(8)), bytes(range(8, 31)))
    assert sealed == unhexlify("588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0")


def test_what_is_sealed_opens_whatever_was_done_before():
    ccm = Ccm(aes, kernel, KEY)
    rng = Random(1)
    for _n in range(60):
        nonce, aad, plain = rng.bytes(13), rng.bytes(1 + rng.below(94)), rng.bytes(rng.below(200))
        sealed = seal(ccm, nonce, aad, plain)
        assert sealed == seal(Ccm(aes, kernel, KEY), nonce, aad, plain)
        assert opened(ccm, nonce, aad, sealed) == plain
        assert opened(ccm, nonce, aad + b"\0" if len(aad) < 94 else aad[1:], sealed) is None
        assert opened(ccm, rng.bytes(13), aad, sealed) is None


def test_one_bit_anywhere_is_noticed():
    ccm = Ccm(aes, kernel, KEY)
    sealed = seal(ccm, NONCE, b"aad", b"twenty bytes of text")
    for bit in range(8 * len(sealed)):
        damaged = bytearray(sealed)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        assert opened(ccm, NONCE, b"aad", damaged) is None
    assert opened(ccm, NONCE, b"aad", sealed) == b"twenty bytes of text"


def test_lengths_that_do_not_fit_are_refused():
    ccm = Ccm(aes, kernel, KEY)
    assert len(seal(ccm, NONCE, b"a", bytes(MAX_B))) == MAX_B + 8
    raises(ValueError, seal, ccm, NONCE, b"a", bytes(MAX_B + 1))
    raises(ValueError, seal, ccm, NONCE[:12], b"a", b"")
    raises(ValueError, seal, ccm, NONCE, bytes(95), b"")
    raises(ValueError, opened, ccm, NONCE, b"a", bytes(7))


def test_rfc5869_appendix_a():
    for secret, salt, info, length, okm in (
        (
            b"\x0b" * 22,
            bytes(range(13)),
            bytes(range(0xF0, 0xFA)),
            42,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            bytes(range(80)),
            bytes(range(0x60, 0xB0)),
            bytes(range(0xB0, 0x100)),
            82,
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da327560"
            "0c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            b"\x0b" * 22,
            b"",
            b"",
            42,
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ):
        assert hkdf.expand(hkdf.extract(salt, secret), info, length) == unhexlify(okm)
    raises(ValueError, hkdf.expand, bytes(32), b"", 255 * 32 + 1)



def test_the_twins_of_the_kernel_agree():
    rng = Random(2)
    twins = Ccm(aes, kernel, KEY), Ccm(aes, oscore_kernel, KEY)
    for n in range(200):
        nonce, aad, plain = rng.bytes(13), rng.bytes(1 + rng.below(94)), rng.bytes(rng.below(100))
        sealed = [seal(ccm, nonce, aad, plain) for ccm in twins]
        assert sealed[0] == sealed[1]
        assert [opened(ccm, nonce, aad, sealed[0]) for ccm in twins] == [plain, plain]
        own, asked = (bytes((rng.below(32) << 3 | size,)) + rng.bytes(size) for size in (rng.below(6), rng.below(6)))
        outs = []
        for k in (kernel, oscore_kernel):
            bound, to = bytearray(nonce), bytearray(10) + aad
            k.bind(bound, nonce, to, own, asked)
            outs.append((bound, to))
        assert outs[0] == outs[1]
        at, other = rng.below(5), rng.bytes(rng.below(3))
        data = rng.bytes(at) + (other if n & 1 else rng.bytes(2))
        assert kernel.same(data, at, other) == oscore_kernel.same(data, at, other) == (data[at:] == other)


def test_options_are_put_as_coap_has_them_by_both_twins():
    rng = Random(3)
    for _ in range(300):
        options, last = [], 0
        for _ in range(rng.below(5)):
            last += rng.below((3, 20, 300, 2000)[rng.below(4)])
            options.append((last, rng.bytes(rng.below((3, 20, 300)[rng.below(3)]))))
        payload = rng.bytes(rng.below(20))
        coded = coap.encode(coap.CON, 1, 0, b"", options, payload)[4:]
        for k in (kernel, oscore_kernel):
            for room in (len(coded) + 5, len(coded) - 1):
                out, at, last = bytearray(max(room, 0)), 0, 0
                for number, value in options:
                    at = k.put(out, at, number - last, value)
                    last = number
                at = k.put(out, at, 65536, payload)
                assert (at == len(coded) and out[:at] == coded) if room > len(coded) else at == -1 or not coded
            found = []
            at = k.take(memoryview(coded), 0, found)
            assert [(n, bytes(v)) for n, v in found] == options and coded[at:] == payload


def test_options_out_of_order_are_not_put():
    for k in (kernel, oscore_kernel):
        assert k.put(bytearray(20), 0, -1, b"") == -1
        assert k.put(bytearray(20), -1, 1, b"") == -1


def test_both_twins_take_what_coap_decodes_and_nothing_else():
    rng = Random(4)
    taken = 0
    for _ in range(3000):
        data = bytes([(rng.below(256), rng.below(32), 0xFF, 0xD1, 0xE0)[rng.below(5)] for _ in range(rng.below(14))])
        try:
            options, payload = coap.decode(b"\x40\x01\0\0" + data)[4:]
        except WireError:
            options = None
        for k in (kernel, oscore_kernel):
            found = []
            at = k.take(memoryview(data), 0, found)
            if options is None:
                assert at < 0, data
            else:
                assert [(n, bytes(v)) for n, v in found] == options and data[at:] == payload, data
                taken += 1
    assert taken > 300
    many = b"\x00" * 33
    for k in (kernel, oscore_kernel):
        assert k.take(memoryview(many), 0, []) < 0 <= k.take(memoryview(many[1:]), 0, [])
