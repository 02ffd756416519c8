"""Block2 of RFC 7959 as arithmetic, with the exchanges of its sections 2.2 and 3.1. Both interpreters."""

from helpers import raises
from toscore import coap
from toscore.block import Bodies, asked
from toscore.errors import WireError

FORM = ((coap.CONTENT_FORMAT, b"\x3c"),)


def test_what_a_request_asks_for():
    for value, wanted in (
        (b"", (0, 0)),
        (b"\x06", (0, 6)),
        (b"\x0e", (0, 6)),  # the more bit has no meaning in a request
        (b"\x12", (1, 2)),
        (b"\xff\xf6", (4095, 6)),
        (b"\xff\xff\xf6", (1048575, 6)),
    ):
        assert asked([(coap.URI_PATH, b"s"), (coap.BLOCK2, value)]) == wanted
    assert asked([(coap.URI_PATH, b"s")]) is None


def test_the_reserved_size_is_refused():
    for value in (b"\x07", b"\x0f", b"\x17", b"\xff\xff\xff"):
        assert raises(WireError, asked, [(coap.BLOCK2, value)]).coap == 128


def test_rfc7959_section_3_1_a_get_in_blocks_of_128():
    body = bytes([n & 255 for n in range(280)])
    blocks = [Bodies().cut(0, "peer", "status", body, n, 3, FORM) for n in range(3)]
    assert [options[2][1] for options, _ in blocks] == [b"\x0b", b"\x1b", b"\x23"]  # 0/1/128, 1/1/128, 2/0/128
    assert [len(piece) for _, piece in blocks] == [128, 128, 24]
    assert b"".join([piece for _, piece in blocks]) == body
    assert [number for number, _ in blocks[0][0]] == [coap.ETAG, coap.CONTENT_FORMAT, coap.BLOCK2]
    assert len({options[0] for options, _ in blocks}) == 1


def test_an_etag_belongs_to_a_body():
    etags = {Bodies().cut(0, "peer", "s", body, 0, 6, FORM)[0][0] for body in (b"one", b"two", b"one")}
    assert len(etags) == 2


def test_every_cut_of_every_size_is_the_body():
    for length in (1, 15, 16, 17, 31, 32, 33, 1023, 1024, 1025, 2048):
        body = bytes(length)
        for exponent in range(7):
            size_b = 16 << exponent
            count = (length + size_b - 1) // size_b
            found = 0
            for number in range(count):
                options, piece = Bodies().cut(0, "peer", "s", body, number, exponent, ())
                assert coap.uint(options[1][1]) == number << 4 | (number < count - 1) << 3 | exponent
                found += len(piece)
            assert found == length
            assert raises(WireError, Bodies().cut, 0, "peer", "s", body, count, exponent, ()).detail == count


def test_a_transfer_is_under_way_until_its_last_block_or_until_it_rests():
    bodies = Bodies()
    assert bodies.busy_ms(0, "peer", "s") == 0
    bodies.cut(0, "peer", "s", bytes(40), 0, 0, ())
    assert bodies.busy_ms(500, "peer", "s") == 1500 and bodies.busy_ms(2000, "peer", "s") == 0
    assert bodies.busy_ms(500, "other", "s") == bodies.busy_ms(500, "peer", "e") == 0
    body = bodies.find(1000, "peer", "s")
    bodies.cut(1000, "peer", "s", body, 1, 0, ())
    assert bodies.busy_ms(2500, "peer", "s") == 500
    bodies.cut(1500, "peer", "s", body, 2, 0, ())
    assert bodies.busy_ms(1500, "peer", "s") == 0 and bodies.find(1500, "peer", "s") is body
    assert bodies.find(62000, "peer", "s") is None


def test_bodies_that_are_alike_are_kept_once():
    bodies = Bodies()
    for peer in "abc":
        bodies.cut(0, peer, "d", bytes(40), 0, 0, ())
    assert bodies.find(0, "a", "d") is bodies.find(0, "b", "d") is bodies.find(0, "c", "d")


def test_a_body_of_one_block_is_not_kept():
    bodies = Bodies()
    bodies.cut(0, "peer", "s", bytes(16), 0, 0, ())
    assert bodies.find(0, "peer", "s") is None and bodies.busy_ms(0, "peer", "s") == 0
