"""tos explain: RFC 7252 appendix A taken apart, codes in words, and malformed bytes with place and reason."""

import pytest
from tosplus.errors import UsageFault
from tosplus.link.explain import coap_fault, explain
from tosplus.words import WORDS

# RFC 7252 appendix A: figures 16 to 22, one of each kind of message.
APPENDIX_A = {
    "40017d34bb74656d7065726174757265": "CoAP CON GET, message id 0x7d34, token none",
    "60457d34ff32322e332043": "CoAP ACK 2.05 Content, message id 0x7d34, token none",
    "41017d3520bb74656d7065726174757265": "CoAP CON GET, message id 0x7d35, token 20",
    "61457d3520ff32322e332043": "CoAP ACK 2.05 Content, message id 0x7d35, token 20",
    "60007d38": "CoAP ACK EMPTY, message id 0x7d38, token none",
    "4145ad7b53ff32322e332043": "CoAP CON 2.05 Content, message id 0xad7b, token 53",
    "51017d4020bb74656d7065726174757265": "CoAP NON GET, message id 0x7d40, token 20",
    "70007d38": "CoAP RST EMPTY, message id 0x7d38, token none",
}


@pytest.mark.parametrize("frame", APPENDIX_A)
def test_rfc7252_appendix_a(frame):
    found = explain(frame)
    assert found.title == APPENDIX_A[frame]
    assert ("Uri-Path: temperature" in found.details) == ("bb74656d70" in frame)
    assert found.data.get("payload") == ("22.3 C" if "ff3232" in frame else None)


@pytest.mark.parametrize("frame", APPENDIX_A)
def test_each_truncation_is_no_message_or_a_shorter_one(frame):
    whole = bytes.fromhex(frame)
    after_token = 4 + (whole[0] & 15)
    marker = whole.find(b"\xff")
    for size in range(len(whole)):
        is_message = size == after_token or (marker > 0 and size > marker + 1)
        assert (coap_fault(whole[:size]) is None) == is_message, size


def test_every_code_has_its_words_here():
    for code, word in WORDS.items():
        found = explain(str(code))
        assert word.name in found.title and found.data["hint"] == word.hint


def test_a_refusal_is_told_with_the_words_of_its_code():
    found = explain("60 84 00 01 ff" + b"331 lid".hex())
    assert found.data["payload"] == "331 lid" and found.data["word"]["name"] == "NO_SUCH_PATH"


def test_a_payload_has_the_names_of_its_keys():
    identity = "a2 00 63 6b2d31 05 81 a2 00 00 01 64 74656d70"
    names = '{/id/ 0: "k-1", /resources/ 5: [{/index/ 0: 0, /path/ 1: "temp"}]}'
    assert explain(identity, path="/d").details == [names]
    put = "40 03 00 01 b1 64 11 3c ff" + identity  # PUT /d, content format 60
    assert explain(put).data["payload"] == names
    assert explain("60 45 00 01 c1 3c ff" + identity, path="/d").data["payload"] == names
    assert explain("a2 00 07 01 09", path="/e").details == ["{/boot/ 0: 7, /ms/ 1: 9}"]
    report = "40 02 00 01 b1 72 03 6b2d31 11 3c ff a2 00 07 04 f5"  # POST /r/k-1
    assert explain(report).data["payload"] == "{/boot/ 0: 7, /asleep/ 4: true}"


@pytest.mark.parametrize(
    ("item", "notation"),
    [
        ("63666f6f", '"foo"'),
        ("4401020304", "h'01020304'"),
        ("f97e00", "NaN"),
        ("f6", "null"),
        ("f7", "undefined"),
        ("82f5fb3ff199999999999a", "[true, 1.1]"),
        ("d9d9f701", "55799(1)"),
        ("f0", "simple(16)"),
        ("c1 1a 514b67b0", "1(1363896240)"),
        ("c249010000000000000000", "18446744073709551616"),
        ("0x01", "1"),
    ],
)
def test_cbor_diagnostic_notation(item, notation):
    assert explain(item).details == [notation]


def test_controller_input_by_field():
    told = "h'01020100817f000000ff' /sequence 513, buttons a, left_x -127, left_y 127, right_x 0, right_y 0, "
    told += "left_trigger 0, right_trigger 255/"
    assert explain("4a01020100817f000000ff", path="/i").details == [told]
    frame = explain("50030007b169ff4a01020100817f000000ff")
    assert frame.data["payload"] == told and frame.data["token"] == ""
    assert "buttons none" in explain("4a" + "00" * 10, path="/i").details[0]
    assert "buttons back up right," in explain("4a0000 0091 000000000000", path="/i").details[0]
    for other in ("49" + "00" * 9, "05", "6a" + "30" * 10):
        assert "/" not in explain(other, path="/i").details[0]
    assert "ends too early" in explain("50030007b169ff4a0102").data["payload"]


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ("999", "no code 999"),
        ("hello", "three digits, such as 334, or hex"),
        ("4001 0", "two digits for each byte"),
        ("400100", "byte 3: shorter than the header"),
        ("49010001" + "00" * 9, "byte 0: token length 9 is reserved"),
        ("42010001aa", "byte 5: the token should have 2 bytes"),
        ("40000001b1", "byte 4: an empty message"),
        ("40010001bf", "byte 4: option length 15 is reserved"),
        ("40010001f1", "byte 4: option delta 15 is reserved"),
        ("40010001bd", "byte 5: the option from byte 4 ends within its length"),
        ("40010001be01", "byte 6: the option from byte 4 ends within its length"),
        ("40010001b374", "byte 6: the option from byte 4 should have 3 bytes"),
        ("40010001ff", "byte 4: a payload marker with no payload"),
        ("40010001b1ff", "an option that is text is not UTF-8: ff"),
        ("a10b", "byte 2: the item ends too early"),
        ("0102", "byte 1: bytes follow the item"),
        ("1c", "byte 1: "),
    ],
)
def test_malformed_is_told_with_place_and_reason(bad, told):
    with pytest.raises(UsageFault, match=told):
        explain(bad)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("42abcd", "ETag: h'abcd'"),
        ("60", "Observe: 0"),
        ("62010c", "Observe: 268"),
        ("9108", "OSCORE: kid h''"),
        ("920914", "OSCORE: partial IV h'14' (20), kid h''"),
        ("d10a0a", "Block2: num 0, more, size 64"),
        ("d20a0116", "Block2: num 17, the last, size 1024"),
        ("d10e0e", "Block1: num 0, more, size 1024"),
        ("d1012d", "Max-Age: 45"),
        ("d4ef01020304", "Echo: h'01020304'"),
        ("d1f51a", "No-Response: 26, no 2.xx, 4.xx, 5.xx"),
        ("d0f5", "No-Response: 0, any is welcome"),
        ("d12001", "option 45: h'01'"),
    ],
)
def test_options_by_name(option, told):
    assert explain("40010001" + option).details == [told]


def test_a_block_is_not_taken_for_the_whole():
    part = "40450001 c1 3c b1 0a ff a2 00".replace(" ", "")  # format 60, block 0 of more
    assert explain(part).data["payload"] == "a block of CBOR: a200"


def test_a_request_says_what_its_answer_is_about():
    answer = "60450001c13cffa100636b2d31"
    assert explain(answer).data["payload"] == '{0: "k-1"}'
    assert explain(answer, request="40010001b164").data["payload"] == '{/id/ 0: "k-1"}'
