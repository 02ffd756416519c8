"""Blocks of RFC 7959 as arithmetic, with the exchanges of its sections 2.2, 3.1 and 3.2. Both interpreters."""

from helpers import raises
from toscore import coap
from toscore.block import UPLOAD_B, Bodies, Uploads, asked
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


def upload(uploads, number, more, payload, exponent=0, peer="peer", path="b", now=0, size=None):
    options = [(coap.BLOCK1, coap.uint_bytes(number << 4 | more << 3 | exponent))]
    if size is not None:
        options.append((coap.SIZE1, coap.uint_bytes(size)))
    return uploads.take(now, peer, path, options, payload)


def test_a_request_without_block1_has_a_whole_body():
    assert Uploads().take(0, "peer", "b", [], b"body") == (coap.CHANGED, (), b"body")


def test_rfc7959_section_3_2_a_put_in_blocks_of_128():
    uploads = Uploads()
    body = bytes([n & 255 for n in range(300)])
    assert upload(uploads, 0, 1, body[:128], 3) == (coap.CONTINUE, ((coap.BLOCK1, b"\x0b"),), None)
    assert upload(uploads, 1, 1, body[128:256], 3) == (coap.CONTINUE, ((coap.BLOCK1, b"\x1b"),), None)
    assert upload(uploads, 2, 0, body[256:], 3) == (coap.CHANGED, ((coap.BLOCK1, b"\x23"),), body)
    assert upload(uploads, 2, 0, body[256:], 3)[0] == coap.INCOMPLETE


def test_blocks_may_become_smaller_under_way():
    uploads = Uploads()
    upload(uploads, 0, 1, bytes(64), 2)
    assert upload(uploads, 4, 1, bytes(16), 0)[0] == coap.CONTINUE
    assert upload(uploads, 5, 0, b"!", 0)[2] == bytes(80) + b"!"


def test_a_block_of_the_wrong_length_is_malformed():
    for more, length in ((1, 15), (1, 17), (1, 0), (0, 17)):
        assert raises(WireError, upload, Uploads(), 0, more, bytes(length)).coap == 128
    assert raises(WireError, upload, Uploads(), 0, 0, b"", 7).coap == 128


def test_a_gap_a_repeated_block_and_another_path_are_incomplete_and_harm_nothing():
    uploads = Uploads()
    upload(uploads, 0, 1, bytes(16))
    upload(uploads, 1, 1, bytes(16))
    for number, path, peer in ((1, "b", "peer"), (3, "b", "peer"), (2, "s", "peer"), (2, "b", "other")):
        assert upload(uploads, number, 0, b"x", path=path, peer=peer) == (coap.INCOMPLETE, (), None)
    assert upload(uploads, 2, 0, b"x")[2] == bytes(32) + b"x"


def test_the_first_block_begins_anew():
    uploads = Uploads()
    upload(uploads, 0, 1, bytes(16))
    upload(uploads, 0, 1, b"y" * 16, path="s")
    assert upload(uploads, 1, 0, b"", path="b")[0] == coap.INCOMPLETE
    assert upload(uploads, 1, 0, b"", path="s")[2] == b"y" * 16


def test_a_body_has_4096_bytes_and_not_one_more():
    uploads = Uploads()
    too_large = (coap.TOO_LARGE, ((coap.SIZE1, b"\x10\x00"),), None)
    assert UPLOAD_B == 4096
    for last, answer in ((b"", (coap.CHANGED, bytes(4096))), (b"x", None)):
        for number in range(4):
            assert upload(uploads, number, 1, bytes(1024), 6)[0] == coap.CONTINUE
        found = upload(uploads, 4, 0, last, 6)
        assert found == too_large if answer is None else (found[0], found[2]) == answer
    assert upload(uploads, 4, 0, b"", 6)[0] == coap.INCOMPLETE  # what there was of it is gone
    assert upload(uploads, 0, 1, bytes(1024), 6, size=4097) == too_large
    assert upload(uploads, 0, 1, bytes(1024), 6, size=4096)[0] == coap.CONTINUE
    assert upload(uploads, 65535, 0, b"", 6)[0] == coap.INCOMPLETE


def test_two_peers_at_once_and_a_third_ends_what_rested_longest():
    uploads = Uploads()
    for now, peer in enumerate("ab"):
        upload(uploads, 0, 1, bytes(16), peer=peer, now=now)
    upload(uploads, 1, 1, bytes(16), peer="a", now=5)
    upload(uploads, 0, 1, bytes(16), peer="c", now=6)
    assert len(uploads._under_way) == 2
    assert upload(uploads, 1, 0, b"", peer="b", now=7)[0] == coap.INCOMPLETE
    assert upload(uploads, 2, 0, b"", peer="a", now=7)[2] == bytes(32)
    assert upload(uploads, 1, 0, b"", peer="c", now=7)[2] == bytes(16)


def test_an_upload_rests_for_a_minute_at_most():
    uploads = Uploads()
    upload(uploads, 0, 1, bytes(16))
    upload(uploads, 1, 1, bytes(16), now=59999)
    assert uploads.tick(60000) == 59999
    upload(uploads, 0, 1, bytes(16), now=70000, peer="b")
    assert upload(uploads, 2, 0, b"", now=119999)[0] == coap.INCOMPLETE
    assert uploads.tick(130000) is None
