"""What each role may do, and what not: every cell of the table, over the wire, by aiocoap with OSCORE.

The table is written here by hand, from docs/protocol.md; nothing of it comes from the firmware.
"""

import asyncio

import cbor2
import pytest
from tosplus.link.oscore import Context
from tosplus.sim.device import Device
from tosplus.sim.peer import put_in
from trust import Asking, credentials

ROLES = ("owner", "control", "input", "hub", "token-service", "peer")
ROW = {0: b"sixteen bytes..!", 1: b"", 2: b"\x31", 3: b"\x32", 6: 6, 7: ["level"], 8: "192.0.2.9:5683"}
BOSS = Context(b"the boss's 16 bytes", b"", b"\x51", b"\x52")

# method, path, payload: the answer to each role in the order of ROLES; "-" is denied with 4.03.
TABLE = """
GET    .well-known/core                2.05 2.05 -    2.05 -    -
GET    d                               2.05 2.05 2.05 2.05 2.05 2.05
GET    s                               2.05 2.05 -    2.05 -    -
GET    s/power                         2.05 2.05 -    2.05 -    2.05
GET    s/level                         2.05 2.05 -    2.05 -    -
GET    s/power_2                       2.05 2.05 -    2.05 -    -
GET    s/nope                          4.04 4.04 -    4.04 -    -
GET    e                               2.05 2.05 -    2.05 -    -
GET    b                               2.05 2.05 -    2.05 -    -
GET    l                               2.05 2.05 -    2.05 -    -
GET    p                               2.05 -    -    2.05 -    -
GET    p/guest                         4.05 -    -    4.05 -    -
GET    r                               2.05 -    -    2.05 -    -
GET    y/auth                          4.04 -    -    4.04 4.04 -
GET    o                               2.05 -    -    2.05 -    -
GET    nope                            4.04 -    -    4.04 -    -
GET    sx                              4.04 -    -    4.04 -    -
GET    d/s                             4.04 -    -    4.04 -    -
PUT    d                               4.05 -    -    -    -    -
PUT    s            {1:true}           2.04 2.04 -    2.04 -    -
PUT    s/power      true               2.04 2.04 -    2.04 -    2.04
PUT    s/level      5                  2.04 2.04 -    2.04 -    -
PUT    s/power_2    true               2.04 2.04 -    2.04 -    -
PUT    e                               4.05 -    -    -    -    -
PUT    b            null               2.04 -    -    2.04 -    -
PUT    l                               4.05 -    -    -    -    -
PUT    i                               4.04 4.04 4.04 4.04 -    -
PUT    i/x                             4.04 -    -    -    -    -
PUT    r            {0:":5685"}        2.04 -    -    2.04 -    -
PUT    o                               4.00 -    -    4.00 -    -
POST   o                               5.03 -    -    5.03 -    -
PUT    n                               4.00 -    -    -    -    -
PUT    y/auth                          4.04 -    -    4.04 4.04 -
PUT    p                               4.05 -    -    -    -    -
PUT    p/other      row                2.04 -    -    2.04 -    -
PUT    p/guest      row                4.03 -    -    4.03 -    -
PUT    .well-known/core                4.05 -    -    -    -    -
POST   y/auth                          4.04 -    -    4.04 4.04 -
POST   s/power      true               4.05 -    -    -    -    -
POST   p                               4.05 -    -    -    -    -
POST   d                               4.05 4.05 -    4.05 -    -
DELETE s/power                         4.05 -    -    -    -    -
DELETE p                               4.05 -    -    -    -    -
DELETE r                               4.05 -    -    -    -    -
DELETE y/auth                          4.04 -    -    4.04 4.04 -
DELETE p/other                         2.02 -    -    2.02 -    -
DELETE p/nobody                        2.02 -    -    2.02 -    -
DELETE p/guest                         2.02 -    -    4.03 -    -
"""
PAYLOADS = {"{1:true}": {1: True}, "true": True, "5": 5, "null": None, '{0:":5685"}': {0: ":5685"}, "row": ROW}

APP = """
from tos import App
app = App("roles")
app.value("power", initial=False, writable=True)
app.value("power_2", initial=False, writable=True)
app.value("level", initial=0, writable=True)
"""


def context(n):
    return Context(b"the secret of role %d" % n, b"", bytes((n,)), bytes((0x80 | n,)))


def rows():
    for line in TABLE.strip().splitlines():
        words = line.split()
        yield words[0], words[1], words[2:-6], words[-6:]


@pytest.mark.parametrize("n", range(len(ROLES)), ids=ROLES)
def test_a_role_may_do_what_the_table_says_and_nothing_else(tmp_path, n):
    (tmp_path / "roles.py").write_text(APP)

    async def main():
        async with Device(str(tmp_path / "roles.py"), state_dir=tmp_path / "device", rate=0) as device:
            await device.ready()
            other = Context(ROW[0], b"", b"\x32", b"\x31")
            guest = Context(b"a guest's 16 bytes", b"", b"\x41", b"\x42")
            await put_in(device, "it", context(n), ROLES[n], ("power",) if ROLES[n] == "peer" else ())
            async with Asking(device, credentials(context(n), tmp_path)) as it:
                wrong = []
                denied = 0
                for method, path, payload, answers in rows():
                    if path in ("p/guest", "p/other"):  # each asks of both as if they had just come
                        await put_in(device, "guest", guest, "control")
                        if method == "DELETE":
                            await put_in(device, "other", other, "peer", ("level",))
                    body = PAYLOADS[payload[0]] if payload else False
                    given = cbor2.dumps(body) if method in ("PUT", "POST") else None
                    response = await it.ask(method, path, given)
                    wanted = "4.03" if answers[n] == "-" else answers[n]
                    answer = response.code.dotted
                    if answer != wanted or (wanted == "4.03" and not response.payload.startswith(b"367 ")):
                        wrong.append((method, path, answer, response.payload, wanted))
                    denied += answer == "4.03"
                assert not wrong
            await put_in(device, "boss", BOSS)
            async with Asking(device, credentials(BOSS, tmp_path)) as boss:
                assert (await boss.get("l"))[2].get(367, 0) == denied

    asyncio.run(main())


@pytest.mark.parametrize(
    ("role", "path", "allowed"),
    [
        ("owner", "s", True), ("control", "s", True), ("control", "e", True), ("control", "b", True),
        ("hub", "s", True),
        ("input", "s", False), ("token-service", "e", False), ("peer", "s", False), ("peer", "s/level", False),
        ("peer", "s/power", True),
    ],
)  # fmt: skip
def test_who_may_not_read_may_not_observe(tmp_path, role, path, allowed):
    (tmp_path / "roles.py").write_text(APP)
    n = ROLES.index(role)

    async def main():
        async with Device(str(tmp_path / "roles.py"), state_dir=tmp_path / "device", rate=0) as device:
            await device.ready()
            await put_in(device, "it", context(n), role, ("power",) if role == "peer" else ())
            async with Asking(device, credentials(context(n), tmp_path)) as it:
                response = await it.ask("GET", path, observe=0)
                assert response.code.dotted == ("2.05" if allowed else "4.03")
                assert (response.opt.observe is not None) == allowed

    asyncio.run(main())


# What owner and hub bring


def hub_asks(tmp_path, test):
    async def main():
        async with Device("kettle", state_dir=tmp_path / "device", rate=0) as device:
            await device.ready()
            await put_in(device, "home", context(3), "hub")
            async with Asking(device, credentials(context(3), tmp_path)) as hub:
                await test(device, hub)

    asyncio.run(main())


def test_a_peer_that_a_hub_brings_works_at_once_and_after_a_restart(tmp_path):
    async def test(device, hub):
        assert (await hub.ask("PUT", "p/switch", {**ROW, 7: ["power"]})).code.dotted == "2.04"
        its = Context(ROW[0], b"", b"\x32", b"\x31")
        async with Asking(device, credentials(its, tmp_path)) as switch:
            assert (await switch.ask("PUT", "s/power", True)).code.dotted == "2.04"
            assert (await switch.ask("PUT", "s/boils", 1)).code.dotted == "4.03"
        assert (await hub.get("p"))[1] == [["home", 4, []], ["switch", 6, ["power"]]]
        await device.kill()
        await device.restarted()
        async with Asking(device, credentials(its, tmp_path)) as switch:
            assert await switch.get("s/power") is False
        assert (await hub.get("p"))[1] == [["home", 4, []], ["switch", 6, ["power"]]]

    hub_asks(tmp_path, test)


def test_what_is_no_peer_is_refused_and_changes_nothing(tmp_path):
    async def test(device, hub):
        for wrong in (
            None, [], {}, "row", {**ROW, 5: "name"}, {**ROW, 9: 1}, {**ROW, 6: 1}, {**ROW, 6: 4}, {**ROW, 6: "peer"},
            {**ROW, 0: b"short"}, {**ROW, 0: "sixteen bytes..!"}, {**ROW, 1: None}, {**ROW, 2: 1}, {**ROW, 2: b"\x32"},
            {**ROW, 2: b"12345678"}, {**ROW, 3: None}, {**ROW, 4: b"n" * 24}, {**ROW, 4: "x"}, {**ROW, 7: "power"},
            {**ROW, 7: [1]}, {**ROW, 7: ["x"] * 17}, {**ROW, 8: 5}, {k: v for k, v in ROW.items() if k},
            {**ROW, 3: context(3).sender},
        ):  # fmt: skip
            response = await hub.ask("PUT", "p/new", cbor2.dumps(wrong))
            assert response.code.dotted == "4.00" and response.payload.startswith(b"368"), wrong
        for path in ("p/", "p/" + "n" * 33):
            assert (await hub.ask("PUT", path, ROW)).code.dotted == "4.00"
        assert (await hub.ask("PUT", "p/new", b"\xa1\x00")).code.dotted == "4.00"
        assert (await hub.ask("PUT", "p/home", ROW)).code.dotted == "4.03"
        assert (await hub.get("p"))[1] == [["home", 4, []]]

    hub_asks(tmp_path, test)


def test_a_hub_says_where_it_hears_reports(tmp_path):
    async def test(device, hub):
        assert await hub.get("r") == {0: None, 1: None}
        for given, kept in ((":5685", "127.0.0.1:5685"), ("192.0.2.1:5", "192.0.2.1:5")):
            assert (await hub.ask("PUT", "r", {0: given})).code.dotted == "2.04"
            assert await hub.get("r") == {0: kept, 1: "home"}
        for wrong in (None, {}, {0: 5}, {0: "x"}, {0: "a:b"}, {0: ":0"}, {0: ":65536"}, {0: ":1", 1: 2}, {0: ":1:2"}):
            response = await hub.ask("PUT", "r", cbor2.dumps(wrong))
            assert response.code.dotted == "4.00" and response.payload.startswith(b"369"), wrong
        await device.kill()
        await device.restarted()
        assert await hub.get("r") == {0: "192.0.2.1:5", 1: "home"}

    hub_asks(tmp_path, test)
