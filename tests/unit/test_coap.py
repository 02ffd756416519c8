"""CoAP messages, RFC 7252 section 3 and the examples of appendix A. Both interpreters."""

from binascii import unhexlify

from helpers import raises
from toscore import coap
from toscore.errors import WireError

# Appendix A, figure 16: GET /temperature, confirmable, message id 0x7d34, no token.
GET_TEMPERATURE = unhexlify("40017d34bb") + b"temperature"
# Figure 16: its piggybacked answer 2.05 "22.3 C".
ANSWER = unhexlify("60457d34ff") + b"22.3 C"


def test_rfc7252_appendix_a_figure_16_request():
    assert coap.decode(GET_TEMPERATURE) == (coap.CON, coap.GET, 0x7D34, b"", [(11, b"temperature")], b"")
    assert coap.encode(coap.CON, coap.GET, 0x7D34, b"", [(11, b"temperature")]) == GET_TEMPERATURE


def test_rfc7252_appendix_a_figure_16_answer():
    assert coap.decode(ANSWER) == (coap.ACK, coap.CONTENT, 0x7D34, b"", [], b"22.3 C")
    assert coap.encode(coap.ACK, coap.CONTENT, 0x7D34, payload=b"22.3 C") == ANSWER


def test_rfc7252_appendix_a_figure_17_token():
    data = unhexlify("41017d3520bb") + b"temperature"
    assert coap.decode(data) == (coap.CON, coap.GET, 0x7D35, b"\x20", [(11, b"temperature")], b"")


def test_option_deltas_and_lengths_at_each_width_of_their_extension():
    for number in (0, 12, 13, 268, 269, 65535):
        for length in (0, 12, 13, 268, 269, 1000):
            options = [(number, b"v" * length)]
            data = coap.encode(coap.NON, coap.PUT, 1, b"tokn", options, b"p")
            assert coap.decode(data) == (coap.NON, coap.PUT, 1, b"tokn", options, b"p")


def test_an_option_may_be_repeated_and_keeps_its_order():
    path = [(11, b"z"), (11, b"a"), (12, b"<")]
    assert coap.decode(coap.encode(coap.CON, coap.GET, 9, b"", path))[4] == path


def test_every_truncation_is_rejected_or_another_whole_message():
    whole = coap.encode(coap.CON, coap.PUT, 7, b"12345678", [(11, b"s"), (11, b"power"), (12, b"\x3c")], b"\xf5")
    for end in range(len(whole)):
        try:
            coap.decode(whole[:end])
        except WireError as e:
            assert 321 <= e.code <= 323 and e.detail <= end


def test_malformed_messages_say_where():
    for text, code in (
        ("", 321),
        ("400100", 321),
        ("00010001", 322),
        ("80010001", 322),
        ("49010001000000000000000000", 323),  # token length 9
        ("4801000100", 323),  # token shorter than it says
        ("4000000100", 323),  # an empty message with something behind it
        ("40010001ff", 323),  # a payload marker without a payload
        ("40010001f0", 323),  # option delta 15
        ("400100010f", 323),  # option length 15
        ("40010001f0000000", 323),
        ("400100010f000000" + "00" * 400, 323),
        ("40010001d0", 323),  # extension missing
        ("40010001e000", 323),
        ("40010001b4746573", 323),  # value shorter than it says
        ("40010001e0ffff", 323),  # option number over 65535
    ):
        e = raises(WireError, coap.decode, unhexlify(text))
        assert e.code == code, (text, e.code)


def test_the_number_of_options_is_bounded():
    raises(WireError, coap.decode, unhexlify("40010001") + b"\x00" * 33)
    assert len(coap.decode(unhexlify("40010001") + b"\x00" * 32)[4]) == 32


def test_encode_refuses_what_cannot_be_a_message():
    raises(ValueError, coap.encode, coap.CON, coap.GET, 1, b"123456789")
    raises(ValueError, coap.encode, coap.CON, coap.GET, 1, b"", [(12, b""), (11, b"")])


def test_uint_option_values_are_shortest():
    for n, value in ((0, b""), (1, b"\x01"), (255, b"\xff"), (256, b"\x01\x00"), (0xFFFFFF, b"\xff\xff\xff")):
        assert coap.uint_bytes(n) == value
        assert coap.uint(value) == n
