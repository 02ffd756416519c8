"""The trace of a tap in words, beside the package emv; and that a token's number is nowhere in it."""

import copy
import json
import sys
from types import SimpleNamespace

import cbor2
import peers
import pytest
import traced
from fuzz.fuzz_tapped import hidden
from tosplus.hub import apdu, emv
from tosplus.hub.tapped import decoded
from tosplus.reasons import WORDS
from tosplus.till.receipt import outcome
from traced import ANSWER, COMMAND, LOST, NUMBER, REPLY, REQUEST, REVERSAL


def of(tap, kind):
    """The rows of that kind."""
    return [row for row in tap["rows"] if row["kind"] == kind]


def values(row):
    return {field["tag"]: field["value"] for field in row["fields"]}


@pytest.fixture
def theirs(monkeypatch):
    """The package emv: (TLV, CAPDU, RAPDU)."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(peers.need_emv())])
    from emv.protocol.command import CAPDU
    from emv.protocol.response import RAPDU
    from emv.protocol.structures import TLV

    return TLV, CAPDU, RAPDU


def test_a_tap_is_told_message_by_message():
    tap = decoded(traced.tapped())
    assert [(row["from"], row["to"], row["title"]) for row in tap["rows"]] == [
        ("till", "device", "SELECT the directory"),
        ("device", "till", "what it is, done (9000)"),
        ("till", "device", "SELECT TOSPLUS PAY"),
        ("device", "till", "what it is, done (9000)"),
        ("till", "device", "GET PROCESSING OPTIONS"),
        ("device", "till", "a cryptogram, done (9000)"),
        ("till", "device", "READ RECORD 1 of file 1"),
        ("device", "till", "a record, done (9000)"),
        ("till", "service", "may it pay 0.07 EUR?"),
        ("service", "till", "approved, A1B2C3"),
    ]
    assert tap["title"] == "0.07 EUR, approved, A1B2C3" and tap["began"] == traced.BEGAN and tap["last"] == "0017"


def test_times_are_those_of_the_till():
    began, rows = traced.tapped()
    assert [row["ms"] for row in decoded([began, rows])["rows"]] == [ms for ms, _, _ in rows] == [*range(0, 110, 11)]


def test_values_are_told_in_words():
    tap = decoded(traced.tapped(1250))
    asked, sent = values(of(tap, "command")[2]), values(of(tap, "request")[0])
    for told in (asked, sent):
        assert told["9F02"] == "12.50 EUR" and told["5F2A"] == "EUR, 0978" and told["9A"] == "2026-11-21"
        assert told["9F16"] == "CAMPUS" and told["9F1C"] == "TILL0001"
    given = values(of(tap, "answer")[2])
    assert given["57"] == sent["1"] == "••••••••••••0017, until 2031-12"
    assert given["9F36"] == sent["5"] == "7" and given["9F27"] == sent["9"] == "ARQC: ask whether it is good"
    assert given["9F10"] == sent["8"] == "issuer key 1, token key 1, cardholder not checked"
    assert values(of(tap, "answer")[3])["5A"] == "••••••••••••0017"
    told = values(of(tap, "reply")[0])
    assert told == {
        "0": "yes",
        "1": "0, approved",
        "2": "approved",
        "3": "00" * 8,
        "4": "01a1ee565e00e6b7",
        "5": "A1B2C3",
    }


def test_a_decline_says_why_and_a_card_that_refuses_too():
    tap = decoded(traced.tapped(reply=traced.DECLINED))
    assert tap["title"] == "0.07 EUR, declined: the token is suspended"
    assert values(of(tap, "reply")[0])["2"] == "declined, and the token is blocked"
    tap = decoded(traced.tapped(9999))
    assert tap["title"] == "99.99 EUR, refused by the device: the cardholder has to be checked first (6986)"
    assert tap["last"] is None


def test_each_reason_has_its_words_on_the_page_and_on_a_receipt():
    for reason in range(1, 17):
        tap = decoded(traced.tapped(reply={**traced.DECLINED, 1: reason}))
        assert tap["title"] == f"0.07 EUR, declined: {WORDS[reason]}"
        assert outcome(SimpleNamespace(reason=reason, state="declined")) == f"declined: {WORDS[reason]}"


def test_a_field_that_is_lost_and_what_was_taken_back():
    for was_held, words in ((True, "taken back"), (False, "there was nothing to take back")):
        tap = decoded(traced.torn(was_held))
        assert [(row["kind"], row["title"], row["hex"] == "") for row in tap["rows"][-3:]] == [
            ("lost", "the field is lost", True),
            ("reversal", "take it back", False),
            ("reversed", words, False),
        ]
        assert tap["title"] == f"0.07 EUR, {words}"
        assert values(of(tap, "reversal")[0])["1"] == "••••••••••••0017"
    began, rows = traced.torn()
    assert decoded([began, rows[:-1]])["title"] == "0.07 EUR, being taken back"
    assert decoded([began, rows[:-2]])["title"] == "0.07 EUR, lost"
    assert decoded([None, []])["title"] == "not finished"


def test_the_hex_is_what_was_said_but_for_the_number():
    began, rows = traced.tapped()
    for row, shown in zip(rows, decoded([began, rows])["rows"]):
        assert len(shown["hex"]) == 2 * len(row[2])
        said = row[2].hex()
        assert all(a in (b, "•") for a, b in zip(shown["hex"], said))
        assert shown["hex"].count("•") == (12 if NUMBER in said else 0)


@pytest.mark.parametrize("number", [NUMBER, "1" * 16, "998877665544", "9988776655443322110", "5757575757575757"])
def test_the_number_of_a_token_is_nowhere(number):
    began, rows = traced.tapped(number=number)
    at = next(n for n, row in enumerate(rows) if row[1] == REQUEST)
    lost = [[200, LOST, b""], [201, REVERSAL, cbor2.dumps({0: traced.KEY, 1: number, 2: 7})]]
    for trace in ([began, rows], [began, rows[:at] + lost], [began, rows[:at] + lost[1:]], [began, lost]):
        tap = decoded(trace)
        assert hidden(number, tap), tap
        assert number[-4:] == tap["last"] and number[-4:] in json.dumps(tap)
    shown = of(decoded([began, rows]), "answer")[2]["hex"]
    assert f"{'•' * (len(number) - 4)}{number[-4:]}d3112" in shown


def test_a_number_is_masked_whatever_stands_beside_it():
    track, pan = bytes.fromhex(NUMBER + "d31122010000000000"), bytes.fromhex(NUMBER)
    for rest in (b"\x5a\x08" + pan[:-1] + b"\xaa", b"\x57\x11" + bytes(17), b"\x5a\x08" + pan, b"\x50\x01\x00"):
        for data in (b"\x57\x11" + track + rest, rest + b"\x57\x11" + track):
            row = decoded([None, [[0, ANSWER, data + b"\x90\x00"]]])["rows"][0]
            assert (
                hidden(NUMBER, row)
                and "0017d3112" in row["hex"]
                and "••••0017, until" in json.dumps(row, ensure_ascii=False)
            )


def test_a_number_in_parts_is_not_shown():
    parts = b"\x7f\x6c" + NUMBER[:12].encode() + b"\x64" + NUMBER[12:].encode() + b"\xff"
    data = b"\xa3\x00\x50" + traced.KEY + b"\x01" + parts + b"\x02\x07"
    row = decoded([None, [[0, REVERSAL, data]]])["rows"][0]
    assert row["title"] == "what cannot be understood" and row["hex"] == "••" * len(data)


def test_a_number_in_another_place_is_masked_too():
    began, rows = traced.tapped()
    for odd in (
        cbor2.dumps({**traced.APPROVED, 4: NUMBER}),
        cbor2.dumps({**traced.APPROVED, 3: bytes.fromhex(NUMBER)}),
    ):
        tap = decoded([began, [*rows[:-1], [99, REPLY, odd]]])
        assert tap["rows"][-1]["title"].startswith("approved") and hidden(NUMBER, tap)


def test_what_cannot_be_understood_is_dots():
    track = bytes.fromhex(NUMBER + "d31122010000000000")
    apart = b"\xbf" + b"".join(cbor2.dumps(key) + cbor2.dumps(value) for key, value in {0: True, 1: 0}.items())
    halves = b"\x5f\x48" + track[:8] + b"\x49" + track[8:] + b"\xff"
    for kind, data in (
        (ANSWER, b"\x56\x11" + track + b"\x90\x00"),  # a tag that we do not know
        (ANSWER, b"\x77\x20\x57\x11" + track + b"\x90\x00"),  # a template that is cut off
        (ANSWER, b"\x57\x10" + track[:-1] + b"\x9f" + b"\x90\x00"),
        (COMMAND, b"\x80\xa8\x00\x00\x13\x83\x11" + track + b"\x00"),
        (COMMAND, b"\x80\x50\x00\x00\x11" + track),
        (REQUEST, cbor2.dumps({1: track})),
        (REPLY, apart + b"\x02" + halves + b"\xff"),
        (REPLY, cbor2.dumps({**traced.APPROVED, 5: 7})),
        (REVERSAL, cbor2.dumps({0: traced.KEY, 1: int(NUMBER), 2: 7})),
    ):
        row = decoded([None, [[0, kind, data]]])["rows"][0]
        assert "•" * 30 in row["hex"] or row["title"] == "what cannot be understood", row
        assert hidden(NUMBER, row) and len(row["hex"]) == 2 * len(data), row


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        [None],
        [None, None],
        [None, [[0, 0]]],
        [None, [[0, 7, b""]]],
        [None, [[-1, 0, b""]]],
        [None, [[0, 0, "x"]]],
    ]
    + [["x", []], [True, []], [float("nan"), []], [1e12, []], [None, [[0, 0, bytes(301)]]], [None, [[0, 0, b""]] * 25]]
    + [[None, [[True, 0, b""]]], [None, [[0, 0, b"", 1]]], {0: None, 1: []}, [-1, []]],
)
def test_what_is_no_trace_is_refused(told):
    with pytest.raises(ValueError):
        decoded(told)


def test_each_truncation_and_each_order_of_rows_is_told_without_the_number():
    began, rows = traced.tapped()
    for n, (ms, kind, data) in enumerate(rows):
        for size in range(len(data)):
            cut = copy.copy(rows)
            cut[n] = [ms, kind, data[:size]]
            assert hidden(NUMBER, decoded([began, cut]))
    assert hidden(NUMBER, decoded([began, rows[::-1]]))


def test_fields_are_those_that_the_package_emv_reads(theirs):
    TLV, _, RAPDU = theirs
    _, rows = traced.tapped()
    seen = 0
    for _, kind, data in rows:
        if kind != ANSWER:
            continue
        told = RAPDU.unmarshal(list(data))
        assert f"({told.sw1:02X}{told.sw2:02X})" in apdu.answer(data).title
        pairs = flat(TLV, TLV.unmarshal(list(data[:-2])))
        ours = [(one.tag, data[one.at : one.end]) for one in emv.objects(data[:-2])]
        assert [tag for tag, _ in pairs] == [tag for tag, _ in ours]
        for (_, value), (_, found) in zip(pairs, ours):
            if isinstance(value, list) and value and isinstance(value[0], tuple):
                assert emv.dol(found) == [(number(one), size) for one, size in value]
            elif not isinstance(value, TLV):
                assert bytes(value) == found
            seen += 1
        assert len(apdu.answer(data).fields) == len(ours)
    assert seen > 20


def test_commands_are_those_that_the_package_emv_reads(theirs):
    _, CAPDU, _ = theirs
    _, rows = traced.tapped()
    said = [data for _, kind, data in rows if kind == COMMAND]
    assert [CAPDU.get_class(data[:2]).__name__ for data in map(list, said)] == [
        "SelectCommand", "SelectCommand", "GetProcessingOptions", "ReadCommand",
    ]  # fmt: skip
    for data in said[:2]:
        assert values(decoded([None, [[0, 0, data]]])["rows"][0])[""].endswith(
            bytes(CAPDU.unmarshal(list(data)).data).hex().upper()
        )
    assert (
        values(decoded(traced.tapped())["rows"][4])["9F37"] == bytes(CAPDU.unmarshal(list(said[2])).data[31:35]).hex()
    )
    assert list(said[3]) == CAPDU.get_class([0x00, 0xB2])(1, sfi=1).marshal()


def number(tag):
    return int.from_bytes(bytes(tag.id if isinstance(tag.id, (list, tuple)) else [tag.id]), "big")


def flat(TLV, told):
    """[(tag, value), ...], a template before what is in it."""
    pairs = []
    for tag, value in told.items():
        pairs.append((number(tag), value))
        if isinstance(value, TLV):
            pairs += flat(TLV, value)
    return pairs
