"""Messages against lib/toscore/link.cddl, by a validator that is not ours: of every product, and of the host.

The validator (cddl-rs) has its weak spots: it looks into arrays and open maps only superficially, takes an array for a
choice that its elements match, and anything for bytes of a size. So each part of a message is given to it once more by
its own rule, and of a choice each alternative alone.
"""

import asyncio
import functools
import re
from pathlib import Path

import aiocoap
import cbor2
import pycddl
import pytest
from aiocoap import GET, Context, Message
from tosplus.build import apps
from tosplus.link import frames, pair, schema
from tosplus.link.client import Client
from tosplus.link.schema import Rule
from tosplus.sim.device import Device

CDDL = Path("lib/toscore/link.cddl").read_text()

PARTS = {
    "identity": lambda v: [("row", row) for row in v[5]],
    "row": lambda v: [("index", v[0]), ("type", v[2]), ("value", v.get(11))] + [("origin", o) for o in v.get(13, ())],
    "state": lambda v: [part for index, value in v.items() for part in (("index", index), ("value", value))],
    "events": lambda v: [("event", event) for event in v[2]],
    "event": lambda v: [("index", v[2]), ("value", v[3])],
    "log": lambda v: [("entry", entry) for entry in v[1]] + [("code", code) for code in v[2]],
    "entry": lambda v: [("code", v[1])],
    "rules": lambda v: [("rule", rule) for rule in v],
    "rule": lambda v: [
        ("index", v[0]),
        ("remote" if isinstance(v[4], list) else "index", v[4]),
        ("value", v.get(3)),
        ("value", v.get(5)),
    ],
    "remote": lambda v: [("tstr", v[0]), ("tstr", v[1])],
    "report": lambda v: [("state", v.get(2, {}))],
    "pair1": lambda v: [("nonce", v[1]), ("coordinate", v[2]), ("role", v[3]), ("id", v[5])],
    "pair2": lambda v: [("nonce", v[1]), ("coordinate", v[2]), ("id", v[5]), ("mac", v[6])],
    "pair3": lambda v: [("mac", v[6])],
    "trusted": lambda v: [("peer", peer) for peer in v[1]],
    "peer": lambda v: [("role", v[1])] + [("tstr", path) for path in v[2]],
    "brought": lambda v: [("id", v[2]), ("id", v[3])] + [("tstr", path) for path in v.get(7, ())],
    "answer": lambda v: [("command", command) for command in v.get(1, [])],
    "command": lambda v: [("index", v[1]), ("value", v[2])],
    "pad": lambda v: [("bstr", v)],
    "token_offer": lambda v: [("token_id", v[0]), ("key_index", v[6])],
    "token_named": lambda v: [("token_id", v[0]), ("key_index", v[6])],
    "token_state": lambda v: [("token_id", v[0])],
    "pin": lambda v: [("digits", digits) for digits in v.values()],
    "token_status": lambda v: [("token_id", v[key]) for key in (0, 9) if v[key] is not None],
    "till_terms": lambda v: [("caps", v[5])] if 5 in v else [],
    "caps": lambda v: [("uint", n) for n in v],
    "latest_tap": lambda v: [("trace_row", row) for row in v[1]],
    "trace_row": lambda v: [("ms", v[0]), ("bstr", v[2])],
    "till_sales": lambda v: [("sale", sale) for sale in v],
    "sale": lambda v: [("bstr", v[0]), ("uint", v[2]), ("uint", v[4])],
}


@functools.cache
def alternatives(name):
    """The rule as validators: one, or one for each alternative of a choice such as `value = bool / int`."""
    choice = re.search(rf"^{name} = ([^{{(\[;\n]* / [^;\n]*)", CDDL, re.MULTILINE)
    return [pycddl.Schema(f"start = {one}\n{CDDL}") for one in (choice[1].split(" / ") if choice else [name])]


def check(name, message):
    """message: CBOR. Raises pycddl.ValidationError."""
    refusals = []
    for one in alternatives(name):
        try:
            one.validate_cbor(message)
        except pycddl.ValidationError as e:
            refusals.append(e)
    if len(refusals) == len(alternatives(name)):
        raise refusals[-1]
    for part, value in PARTS.get(name, lambda v: [])(cbor2.loads(message)):
        check(part, cbor2.dumps(value))


ROW = {0: 1, 1: "temp", 2: "sensor"}
IDENTITY = {0: "kettle-1", 1: "kettle", 2: "0.1.0", 3: "UNIX", 4: ["relay"], 5: [{**ROW, 4: -10, 5: 99.5}, ROW]}
EVENTS = {0: 2**32 - 1, 1: 6, 2: [[1, 2, 3, "press"], [2, 3, 3, "hold"]]}
LOG = {0: 5000, 1: [[10, 201, 0, -1], [11, 499, 1, 2]], 2: {201: 1, 499: 3}}
RULES = [{0: 1, 1: 98, 4: 2, 5: False}, {0: 1, 2: 9.5, 4: 2}, {0: 3, 3: "press", 4: 2}, {0: 3, 3: 1, 4: ["tv", "on"]}]
REPORT = {0: 7}
RIGHT = [
    *[("value", value) for value in (None, True, 0, -3, 1.5, "on")],
    *[("identity", IDENTITY), ("identity", {**IDENTITY, 6: 100}), ("identity", {**IDENTITY, 6: None})],
    ("row", {**ROW, 3: "°C", 6: 0.5, 7: ["a"], 8: True, 9: True, 10: True, 11: None, 12: "x", 13: ["link", "app"]}),
    *[("state", {}), ("state", {0: 1, 255: None, 2: 1.5, 3: "x"})],
    *[("events", EVENTS), ("events", {**EVENTS, 2: []}), ("log", LOG), ("log", {**LOG, 3: "Traceback"})],
    *[("rules", RULES), ("rules", []), ("rules", RULES[:1] * 16)],
    *[("report", REPORT), ("report", {0: 7, 1: 1_800_000_000, 2: {0: None}, 3: 60_000, 4: True, 5: 0})],
    *[("answer", {0: 1_800_000_000}), ("answer", {0: 7, 2: 3000})],
    ("answer", {0: 7, 1: [[1, 2, True], [2**32 - 1, 255, None]]}),
    *[("pad", bytes(10)), ("telemetry", cbor2.CBORTag(78, bytes(32)))],
]


def without(message, key):
    return {k: v for k, v in message.items() if k != key}


PAIR1 = {0: 1, 1: bytes(16), 2: bytes(32), 3: 1, 4: "laptop", 5: b""}
PAIR2 = {1: bytes(16), 2: bytes(32), 5: b"\x01", 6: bytes(16)}
TRUSTED = {0: 0, 1: [["laptop", 1, []], ["switch", 6, ["power"]]]}
BROUGHT = {0: bytes(16), 1: b"", 2: b"\x01", 3: b"\x02", 6: 6}
RIGHT += [
    *[("pair1", PAIR1), ("pair1", {**PAIR1, 3: 6, 5: bytes(7)}), ("pair2", PAIR2), ("pair3", {6: bytes(16)})],
    *[("trusted", TRUSTED), ("trusted", {0: None, 1: []}), ("brought", BROUGHT)],
    *[("brought", {**BROUGHT, 4: None, 7: ["power"], 8: None}), ("brought", {**BROUGHT, 4: b"net", 8: "192.0.2.1:5"})],
    *[("mailbox", {0: None, 1: None}), ("mailbox", {0: ":5685"}), ("mailbox", {0: "192.0.2.1:5685", 1: "hub"})],
]

TOKEN = {0: b"id", 1: "9999990000000017", 2: 1, 3: "311231", 4: "1" * 11, 5: 1, 6: 1, 7: bytes(16), 8: 10, 9: 2**31}
NAMED = {0: b"id", 6: 2**32 - 1}
NO_TOKEN = {0: None, 1: 0, 2: 0, 3: None, 4: None, 5: 0, 6: None, 7: None, 8: None, 9: None}
RESULT = {0: 1, 1: bytes(8), 2: bytes(4), 3: b""}
AUTH = {
    0: bytes(16), 1: bytes(17), 2: 1, 3: bytes(56), 4: bytes(2), 5: bytes(2), 6: bytes(8), 7: bytes(2), 8: bytes(32),
    9: 128,
}  # fmt: skip
RIGHT += [
    *[("token_offer", TOKEN), ("token_offer", {**TOKEN, 0: bytes(16), 1: "1" * 19}), ("token_named", NAMED)],
    *[("token_status", NO_TOKEN), ("token_status", {0: b"i", 1: 2, 2: 5, 3: 1, 4: 2, 5: 9, 6: 7, 7: 0, 8: 3, 9: b"i"})],
    *[("token_state", {0: b"id"}), ("token_state", {0: b"id", 1: True, 2: False}), ("tap_result", RESULT)],
    *[("tap_result", {**RESULT, 3: bytes(8)}), ("pin", {0: "1234"}), ("pin", {0: "1234", 1: "12345678"})],
    *[("auth_request", AUTH), ("auth_answer", {0: True, 1: 0, 2: bytes(4), 3: bytes(8), 4: "T1", 5: "000001"})],
    ("auth_answer", {0: False, 1: 2, 2: bytes(4), 3: None}),
]

REVERSAL = {0: bytes(16), 1: "9999990000000017", 2: 7}
TERMS = {0: "CANTEEN", 1: "TILL0001", 2: "0978", 3: "0276", 4: ""}
TRACE = [1_800_000_000, [[0, 0, b"\x00\xa4"], [12, 1, b""]]]
SALE = [bytes(16), "01ab", 1250, 1, 0, "A1B2C3"]
RIGHT += [
    *[("reversal", REVERSAL), ("reversal", {**REVERSAL, 3: bytes(16)}), ("reversed", {0: False, 1: 0})],
    *[("undo", {0: bytes(16), 1: "01ab"}), ("undo", {0: bytes(16), 1: "01ab", 2: 300})],
    *[("till_terms", TERMS), ("till_terms", {**TERMS, 4: "Canteen", 5: [2000, 10000]})],
    *[("latest_tap", TRACE), ("latest_tap", [None, []])],
    *[("till_sales", []), ("till_sales", [SALE] * 8), ("till_sales", [[bytes(16), None, 1, 0, 0, None]])],
]


WRONG = [
    *[("reversal", without(REVERSAL, key)) for key in REVERSAL],
    *[
        ("reversal", {**REVERSAL, key: wrong})
        for key, wrong in ((0, bytes(15)), (1, "1"), (2, 0), (3, bytes(8)), (4, 1))
    ],
    *[("reversed", {0: 1, 1: 0}), ("undo", {0: bytes(16)}), ("undo", {0: bytes(16), 1: "1", 2: -1})],
    *[("till_terms", without(TERMS, key)) for key in TERMS],
    *[("till_terms", {**TERMS, key: wrong}) for key, wrong in ((0, ""), (0, "x" * 16), (1, "TILL-1"), (2, "EUR"))],
    *[
        ("till_terms", {**TERMS, key: wrong})
        for key, wrong in ((3, "276"), (4, 1), (5, 1), (5, [1]), (5, [1, -1]), (6, 1))
    ],
    *[("latest_tap", wrong) for wrong in ([], [5], [5, [[1, 0]]], [5, [[1, 0, "x"]]], [5, [[-1, 0, b""]]], {})],
    *[
        ("till_sales", [[*SALE[:2], -1, *SALE[3:]]]),
        ("sale", 5),
    ],
    *[("token_offer", without(TOKEN, key)) for key in TOKEN],
    *[("token_offer", {**TOKEN, key: wrong}) for key, wrong in ((0, b""), (0, bytes(17)), (1, "1" * 11), (1, "x" * 9))],
    *[("token_offer", {**TOKEN, key: wrong}) for key, wrong in ((2, 100), (3, "3112"), (4, "1"), (5, 256), (6, 2**32))],
    *[("token_offer", {**TOKEN, key: wrong}) for key, wrong in ((7, bytes(15)), (8, 0), (8, 256), (9, -1), (10, "x"))],
    *[("token_named", without(NAMED, key)) for key in NAMED],
    *[("token_status", without(NO_TOKEN, key)) for key in NO_TOKEN],
    *[("token_status", {**NO_TOKEN, key: b"" if key in (0, 9) else "x"}) for key in NO_TOKEN],
    *[("token_state", wrong) for wrong in ({}, {1: True}, {0: b"id", 1: 1}, {0: b"id", 3: True}, [])],
    *[("tap_result", without(RESULT, key)) for key in RESULT],
    *[("tap_result", {**RESULT, key: wrong}) for key, wrong in ((0, 0), (1, bytes(7)), (2, bytes(5)), (3, bytes(9)))],
    *[("pin", wrong) for wrong in ({0: "123"}, {1: "123456789"})],
    *[("auth_request", without(AUTH, key)) for key in AUTH],
    *[("auth_request", {**AUTH, key: b"x" if key not in (2, 9) else "x"}) for key in AUTH],
    *[("auth_answer", {0: True, 1: 0, 2: bytes(4)}), ("auth_answer", {0: 1, 1: 0, 2: bytes(4), 3: None})],
    *[("pair1", without(PAIR1, key)) for key in PAIR1],
    *[("pair1", {**PAIR1, key: wrong}) for key, wrong in ((0, 2), (1, bytes(15)), (2, bytes(33)), (3, 7), (4, 5))],
    ("pair1", {**PAIR1, 5: bytes(8)}),
    *[("pair2", without(PAIR2, key)) for key in PAIR2],
    *[("pair2", {**PAIR2, key: wrong}) for key, wrong in ((1, bytes(17)), (2, "x"), (5, bytes(8)), (6, bytes(15)))],
    *[("pair3", wrong) for wrong in ({}, {6: bytes(15)}, {6: bytes(16), 1: bytes(16)}, [bytes(16)])],
    *[("trusted", without(TRUSTED, key)) for key in TRUSTED],
    *[("trusted", {0: 0, 1: [bad]}) for bad in (["x", 7, []], ["x", 1], [5, 1, []], ["x", 6, [1]], {})],
    *[("brought", without(BROUGHT, key)) for key in BROUGHT],
    *[("brought", {**BROUGHT, key: wrong}) for key, wrong in ((0, "x"), (2, bytes(8)), (6, 1), (7, [1]), (8, 5))],
    ("brought", {**BROUGHT, 5: "name"}),
    *[("mailbox", wrong) for wrong in ({}, {0: 5}, {0: ":1", 1: 2}, {0: ":1", 2: None}, [])],
    *[("value", value) for value in ([], {}, b"x", cbor2.CBORTag(1, 0))],
    *[("identity", without(IDENTITY, key)) for key in IDENTITY],
    *[("identity", {**IDENTITY, key: None}) for key in IDENTITY],
    *[("identity", {**IDENTITY, 7: 1}), ("identity", {**IDENTITY, 6: 101}), ("identity", {**IDENTITY, 4: [1]})],
    *[("identity", {**IDENTITY, 5: [ROW, without(ROW, key)]}) for key in ROW],
    *[("identity", {**IDENTITY, 5: [ROW, {**ROW, key: []}]}) for key in range(14)],
    *[("identity", {**IDENTITY, 5: [ROW, {**ROW, key: False}]}) for key in (8, 9, 10)],
    *[("row", {**ROW, 2: "sensr"}), ("row", {**ROW, 13: ["lnk"]}), ("row", {**ROW, 14: 1}), ("row", {**ROW, 0: 256})],
    *[("state", state) for state in ([], {"x": 1}, {-1: 1}, {256: 1}, {0: 1, 1: [1]}, {0: b"x"})],
    *[("events", []), ("events", EVENTS[2]), ("events", {**EVENTS, 3: 1}), ("events", {**EVENTS, 0: 2**32})],
    *[("events", without(EVENTS, key)) for key in EVENTS],
    *[("events", {**EVENTS, key: "x"}) for key in EVENTS],
    *[("events", {**EVENTS, 2: [EVENTS[2][0], bad]}) for bad in ([1, 2, 3], [1, 2, 3, "x", 5], [1, 2, "3", "x"], {})],
    *[("log", without(LOG, key)) for key in LOG],
    *[("log", {**LOG, key: "x"}) for key in LOG],
    *[("log", {**LOG, 1: [LOG[1][0], bad]}) for bad in ([1, 201, 0], [1, 99, 0, 0], [1, 500, 0, 0], [1, 201, 0, "x"])],
    *[("log", {**LOG, 2: {99: 1}}), ("log", {**LOG, 2: {201: -1}}), ("log", {**LOG, 3: None}), ("log", {**LOG, 4: 1})],
    *[("rules", {}), ("rules", RULES[:1] * 17), ("rules", [{0: 1, 4: 2}]), ("rules", [{0: 1, 1: 98}])],
    *[("rules", [RULES[0], bad]) for bad in ({0: 1, 1: 98, 2: 5, 4: 2}, {0: 1, 1: "98", 4: 2}, {0: 1, 3: [5], 4: 2})],
    *[("rules", [RULES[0], bad]) for bad in ({0: 1, 3: 5, 4: 2, 6: 1}, {1: 98, 4: 2}, {0: 256, 1: 98, 4: 2}, [])],
    *[("rules", [{0: 1, 3: 5, 4: bad}]) for bad in ("tv", ["tv"], ["tv", 5], ["tv", "power", 1], 256)],
    *[("report", report) for report in ({}, [], {0: 2**32}, {0: -1}, {0: 7, 6: 1}, {0: 7, 2: {"a": 1}}, {0: 7, 4: 1})],
    ("report", {0: 7, 5: -1}),
    *[("answer", answer) for answer in ([], {0: -1}, {0: "x"}, {1: []}, {0: 7, 1: 5}, {0: 7, 1: [5]}, {0: 7, 2: -1})],
    *[("answer", {0: 7, 1: [[1, 2, 3], bad]}) for bad in ([-1, 2, 3], ["x", 2, 3], [1, 256, 3], [1, 2, [3]], [1, 2])],
    *[("pad", bytes(9)), ("pad", bytes(11)), ("pad", 5), ("pad", "0123456789")],
    *[("telemetry", cbor2.CBORTag(78, bytes(31))), ("telemetry", cbor2.CBORTag(77, bytes(32))), ("telemetry", [0] * 8)],
]


@pytest.mark.parametrize(("name", "message"), RIGHT)
def test_what_is_right_passes(name, message):
    check(name, cbor2.dumps(message))


@pytest.mark.parametrize(("name", "message"), WRONG)
def test_what_is_wrong_does_not(name, message):
    with pytest.raises(pycddl.ValidationError):
        check(name, cbor2.dumps(message))


@pytest.mark.parametrize(
    ("name", "words"),
    [("identity", schema.IDENTITY), ("row", schema.ROW), ("events", schema.EVENTS), ("log", schema.LOG)]
    + [("report", schema.REPORT), ("pair1", pair.M1), ("pair2", pair.M2), ("pair3", pair.M3)]
    + [("trusted", schema.TRUSTED), ("brought", schema.BROUGHT), ("mailbox", schema.MAILBOX)]
    + [("answer", schema.ANSWER)],
)
def test_the_keys_are_those_that_the_host_knows(name, words):
    body = re.search(rf"^{name} = \{{(.*?)^\}}", CDDL, re.DOTALL | re.MULTILINE)[1]
    assert [int(key) for key in re.findall(r"^  (?:\? )?(\d+):", body, re.MULTILINE)] == list(words)


PRESS = {"watch": ("button_a", True), "tv": ("keys", ["up"]), "till": ("keys", ["1", "ok"])}


@pytest.mark.parametrize("app", apps.names())
def test_every_message_of_every_product(tmp_path, app):
    async def main():
        stranger = await Context.create_client_context()
        try:
            async with Device(app, state_dir=tmp_path / app, rate=0, wall=1_800_000_000, plain=True) as device:
                await device.ready()
                await device.control("advance", ms=1000)
                if app in PRESS:
                    await device.control("set", signal=PRESS[app][0], value=PRESS[app][1])
                    await device.control("advance", ms=1000)

                async def payload(path):
                    uri = "coap://{}:{}/{}".format(*device.link, path)
                    answer = await stranger.request(Message(code=GET, uri=uri)).response
                    assert answer.code == aiocoap.CONTENT and answer.opt.content_format == 60, path
                    return answer.payload

                bodies = {"identity": "d", "state": "s", "events": "e", "log": "l", "rules": "b", "network": "n"}
                for name, path in bodies.items():
                    body = await payload(path)
                    check(name, body)
                    assert name != "events" or app not in PRESS or cbor2.loads(body)[2]
                if app == "till":
                    check("latest_tap", await payload("y/tap"))
                    check("till_sales", await payload("y/sales"))
                for row in cbor2.loads(await payload("d"))[5]:
                    if not row.get(9):
                        check("value", await payload(f"s/{row[1]}"))
        finally:
            await stranger.shutdown()

    asyncio.run(main())


def test_what_the_host_asks(tmp_path):
    async def main():
        seen = []
        async with Device("kettle", state_dir=tmp_path / "kettle", plain=True) as device:
            await device.ready()
            async with frames.relay(*device.link, lambda *one: seen.append(one)) as here, Client(*here) as client:
                await client.set("power", True)
                await client.state()
                rules = [Rule("temp", "power", above=98.5, to=False), Rule("temp", "power", below=20)]
                await client.set_rules([*rules, Rule("temp", "power", equals=30, to=True)])
                await client.set_rules([])
                await client.set_rules(None)
        requests = [aiocoap.Message.decode(frame) for way, frame in seen if way == "to"]
        bodies = [(request.opt.uri_path, request.payload) for request in requests if request.payload]
        assert [path for path, _ in bodies] == [("s", "power"), ("b",), ("b",), ("b",)]
        check("value", bodies[0][1])
        for _, rules in bodies[1:3]:
            check("rules", rules)
        assert bodies[3][1] == b"\xf6"  # back to the maker's

    asyncio.run(main())


@pytest.mark.parametrize(("app", "keys"), [("kettle", {0, 1}), ("watch", {0, 1, 2, 3, 4})])
def test_a_report_to_a_hub(tmp_path, app, keys):
    """The watch's first says that it is awake, its second that it falls asleep."""

    async def main():
        heard = asyncio.Queue()

        class Socket(asyncio.DatagramProtocol):
            def datagram_received(self, data, addr):
                heard.put_nowait((aiocoap.Message.decode(data), addr))

        listening, _ = await asyncio.get_running_loop().create_datagram_endpoint(Socket, local_addr=("127.0.0.1", 0))
        address = "{}:{}".format(*listening.get_extra_info("sockname"))
        seen = set()
        try:
            about = {"hub": address, "plain": True, "wall": 1_800_000_000, "rate": 60}
            async with Device(app, state_dir=tmp_path / "den" / app, **about) as device:
                await device.ready()
                while not seen >= keys:
                    report, sender = await asyncio.wait_for(heard.get(), 30)
                    assert report.opt.uri_path[0] == "r" and report.opt.content_format == 60
                    check("report", report.payload)
                    seen |= set(cbor2.loads(report.payload))
                    head = bytes((0x60 | len(report.token), aiocoap.CHANGED))
                    listening.sendto(head + report.mid.to_bytes(2, "big") + report.token, sender)
        finally:
            listening.close()

    asyncio.run(main())
