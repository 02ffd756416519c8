"""The hub and devices that are paired: how they come, that nobody else is heard, and what waits while they sleep."""

import asyncio
import io
import time

import aiocoap
import cbor2
import pytest
import segno
from soon import soon
from tosplus.errors import UsageFault
from tosplus.link import exchange
from tosplus.link.pairing_code import encode

from .fake import Fake, send_report
from .running import heard, hub, value_of
from .secure_fake import OWNER, TOKENS, Keys, SecureFake


def run(test):
    asyncio.run(asyncio.wait_for(test, 240))


async def add(it, fake, **more):
    told = {"code": fake.code, "address": fake.address, **more}
    return await it.http.post("/api/pair", json=told, timeout=60)


async def settled(it, fake):
    """Live, and told where to report."""
    await it.live(fake.id)
    await soon(lambda: fake.told, "it was not told where to report")


def test_a_code_makes_a_device_that_is_live_and_reports_to_the_hub(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake:
            answer = await add(it, fake)
            assert (answer.status_code, answer.json()) == (201, {"id": "fake-1"})
            await settled(it, fake)
            assert fake.told == [f":{it.coap}"] and fake.hub == ("127.0.0.1", it.coap)
            assert fake.peers["hub"][0] == OWNER and (await it.device())["paired"] is True
            assert (await it.http.put("/api/devices/fake-1/s/power", json={"value": True})).status_code == 204
            await it.until(lambda device: value_of(device, "power") is True)
            before = time.time() - 1
            assert (await fake.report(attempts=1)).code == aiocoap.CHANGED  # no Echo: the key is new
            assert before < fake.walls[0] <= time.time()
            assert (await add(it, fake)).status_code == 201 and list(fake.peers) == ["hub"]

    run(test())


def test_after_a_restart_of_the_hub_a_device_reports_with_one_echo_and_is_told_nothing_twice(tmp_path):
    async def test():
        fake = await SecureFake().__aenter__()
        async with hub(tmp_path, plain=False) as it:
            await add(it, fake)
            await settled(it, fake)
            await fake.report()
        async with hub(tmp_path, it.coap, plain=False) as again:
            await again.live()
            first = await fake.report(attempts=1)
            assert (first.code, first.opt.echo is not None) == (aiocoap.UNAUTHORIZED, True)
            assert (await fake.report(attempts=2)).code == aiocoap.CHANGED
            assert (await fake.report(attempts=1)).code == aiocoap.CHANGED
            assert fake.told == [f":{it.coap}"]
        await fake.unbind()

    run(test())


def test_a_paired_device_is_heard_by_its_key_alone(tmp_path):
    async def test():
        async with hub(tmp_path, plain=True) as it, SecureFake() as fake, SecureFake("fake-2") as other:
            await add(it, fake)
            await add(it, other)
            await settled(it, fake)
            await settled(it, other)
            starts = (await it.device())["starts"]
            for context in (fake.context, other.context):
                answer = await send_report(context, it.coap, "fake-1", cbor2.dumps({0: 99, 2: {0: 99}}))
                assert answer.code == aiocoap.UNAUTHORIZED
                uri = f"coap://127.0.0.1:{it.coap}/r"
                plain = aiocoap.Message(code=aiocoap.POST, uri=uri, payload=cbor2.dumps({0: 9}))
                assert (await context.request(plain).response).code == aiocoap.BAD_REQUEST
            assert (await other.report(path="r/fake-1", _2={0: 98})).code == aiocoap.FORBIDDEN
            assert (await other.report(path="r/fake-2")).code == aiocoap.CHANGED
            assert (await other.report(path="r/fake-2/x")).code == aiocoap.FORBIDDEN
            stranger = Keys(bytes(16), b"", b"\x77", b"\x01")
            assert (await fake.report(stranger)).code == aiocoap.UNAUTHORIZED
            device = await it.device()
            assert device["starts"] == starts and value_of(device, "temp") == 20

    run(test())


def test_a_recorded_report_is_not_taken_again(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake:
            await add(it, fake)
            await settled(it, fake)
            uri = f"coap://127.0.0.1:{it.coap}/r/fake-1"
            payload = cbor2.dumps({0: 1, 2: {0: 5}, 4: True, 3: 9000})
            message = aiocoap.Message(code=aiocoap.POST, uri=uri, payload=payload)
            sealed, _ = fake.hub_keys.protect(message)

            async def send():
                copy = aiocoap.Message(code=sealed.code, payload=sealed.payload, uri=uri.rpartition("/r")[0])
                copy.opt.oscore = sealed.opt.oscore
                return await fake.context.request(copy, handle_blockwise=False).response

            assert (await send()).code == aiocoap.CHANGED
            await it.until(lambda device: device["link"] == "asleep")
            await fake.report()
            await it.live()
            assert (await send()).code == aiocoap.UNAUTHORIZED
            assert (await it.device())["link"] == "live"

    run(test())


def test_without_plain_nobody_unpaired_is_heard(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it:
            fake = Fake(None)
            fake.hub_port, fake.boot = it.coap, 1
            await fake.bind()
            assert (await fake.report()).code == aiocoap.UNAUTHORIZED
            await fake.unbind()
            assert (await it.house())["devices"] == []

    run(test())


def test_plain_is_for_loopback(tmp_path):
    async def test():
        with pytest.raises(UsageFault, match="pair the devices instead"):
            async with hub(tmp_path, plain=True, coap_host="0.0.0.0"):
                pass

    run(test())


def test_what_goes_wrong_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(exchange, "_AGAIN_S", 0.01)
    monkeypatch.setattr(exchange, "_BUSY_S", 0.2)
    monkeypatch.setattr(exchange, "_ANSWER_S", 0.5)

    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake:
            wrong = encode(fake.id, bytes(16))
            cases = [
                ({"code": fake.code[:-3]}, 400, "Group 7"),
                ({"code": 5}, 400, "tos:v1"),
                ({}, 400, "tos:v1"),
                ({"code": fake.code, "address": 7}, 400, "HOST:PORT"),
                ({"code": fake.code, "address": "coap://[:1"}, 400, "not an address"),
                ({"code": fake.code}, 404, "not found"),
                ({"code": wrong, "address": fake.address}, 409, "of another device"),
                ({"code": fake.code, "address": "127.0.0.1:9"}, 504, "no answer"),
            ]
            for told, status, words in cases:
                answer = await it.http.post("/api/pair", json=told, timeout=30)
                assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text
                assert fake.code[-20:] not in answer.text
            assert (await it.http.post("/api/pair", json=cases[0][0])).json()["group"] == 7
            fake.busy = 10**6
            assert "somebody else" in (await add(it, fake)).json()["error"]
            fake.busy = 0
            fake.put_in("someone", OWNER, Keys(bytes(16), b"", b"\x77", b"\x09"))
            assert "button" in (await add(it, fake)).json()["error"]
            assert (await it.house())["devices"] == [] and not list((tmp_path / "peers").glob("*.json"))

    run(test())


def test_codes_are_checked_while_they_are_typed_and_read_from_pictures(tmp_path):
    async def test():
        async with hub(tmp_path) as it:
            code = encode("fake-1", bytes(range(16)))
            right = await it.http.post("/api/pair/check", json={"code": code.lower()})
            assert (right.status_code, right.json()) == (200, {"id": "fake-1"})
            wrong = await it.http.post("/api/pair/check", json={"code": code[:-6]})
            assert wrong.status_code == 400 and wrong.json()["group"] == 6
            out = io.BytesIO()
            segno.make(code).save(out, kind="png", scale=5)
            sent = {"content": out.getvalue(), "headers": {"content-type": "image/png"}}
            assert (await it.http.post("/api/pair/photo", **sent)).json() == {"code": code}
            for data, status in ((b"x", 422), (bytes(17 << 20), 413)):
                answer = await it.http.post("/api/pair/photo", **{**sent, "content": data})
                assert answer.status_code == status
            for headers, status in (
                ({"content-type": "application/json"}, 415),
                ({"content-type": "image/png", "origin": "http://evil.example"}, 403),
                ({"content-type": "image/png", "host": "evil.example"}, 421),
            ):
                assert (await it.http.post("/api/pair/photo", content=b"x", headers=headers)).status_code == status
            other = await it.http.post("/api/pair", content=b"x", headers={"content-type": "image/png"})
            assert other.status_code == 415

    run(test())


def test_peers_are_listed_and_revoked_and_a_forgotten_device_forgets_the_hub(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake:
            await add(it, fake)
            await settled(it, fake)
            fake.put_in("till/1", TOKENS, Keys(bytes(16), b"", b"\x77", b"\x09"))
            peers = "/api/devices/fake-1/peers"
            rows = (await it.http.get(peers)).json()["peers"]
            assert [(row["name"], row["role"]) for row in rows] == [("hub", "owner"), ("till/1", "token-service")]
            assert (await it.http.delete(peers + "/hub")).status_code == 400
            assert (await it.http.delete(peers + "/till%2F1")).status_code == 204 and list(fake.peers) == ["hub"]
            keys = fake.hub_keys
            assert (await it.http.delete("/api/devices/fake-1")).status_code == 204
            assert "hub" not in fake.peers and not list((tmp_path / "peers").glob("*.json"))
            assert (await fake.report(keys)).code == aiocoap.UNAUTHORIZED
            assert (await it.house())["devices"] == []
            assert (await add(it, fake)).status_code == 201

    run(test())


def test_a_device_that_was_reset_is_told_as_a_stranger_and_can_be_paired_again(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake:
            await add(it, fake)
            await settled(it, fake)
            fake.reset()
            await it.until(lambda device: [w["kind"] for w in device["warnings"]] == ["key"])
            assert (await add(it, fake)).status_code == 201
            await it.until(lambda device: device["link"] == "live" and not device["warnings"])

    run(test())


# Sleepers


async def asleep(it, fake, **more):
    answer = await fake.report(_3=60_000, _4=True, **more)
    await it.until(lambda device: device["link"] == "asleep")
    return answer


async def wish(it, value, path="power"):
    return await it.http.put(f"/api/devices/fake-1/s/{path}", json={"value": value})


ROWS = [
    {0: 0, 1: "temp", 2: "sensor"},
    {0: 1, 1: "power", 2: "switch", 8: True},
    {0: 2, 1: "pressed", 2: "event", 9: True},
    *[{0: 3 + n, 1: f"text {n}", 2: "text", 8: True} for n in range(30)],
]


def test_a_command_waits_for_a_sleeper_over_a_restart_and_goes_when_it_is_acknowledged(tmp_path):
    async def test():
        fake = await SecureFake().__aenter__()
        async with hub(tmp_path, plain=False) as it:
            await add(it, fake)
            await settled(it, fake)
            coap = it.coap
            await asleep(it, fake)
            async with it.page() as page:
                answer = await wish(it, True)
                assert (answer.status_code, answer.json()) == (202, {"queued": 1})
                told = await heard(page, lambda m: m["type"] == "device" and m["device"]["waiting"])
                [waiting] = told["device"]["waiting"]
                assert (waiting["id"], waiting["path"], waiting["value"]) == (1, "power", True)
            assert (await wish(it, 5, "temp")).status_code == 409
        async with hub(tmp_path, coap, plain=False) as it:
            assert (await it.device())["waiting"] == [waiting] and (await it.device())["link"] == "asleep"
            await asleep(it, fake)
            assert fake.commands == [(1, 1, True)]
            assert (await it.device())["waiting"] == [waiting]  # it may not have heard the answer
            fake.commands, fake.done = [], None
            await asleep(it, fake)
            assert fake.commands == [(1, 1, True)]
            await asleep(it, fake)
            await it.until(lambda device: device["waiting"] == [])
            await asleep(it, fake)
            assert fake.commands == [(1, 1, True)]
            assert (await wish(it, False)).json() == {"queued": 2}
        await fake.unbind()

    run(test())


def test_the_latest_wish_for_a_path_counts_and_one_for_a_device_that_woke_is_withdrawn(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake(rows=ROWS) as fake:
            await add(it, fake)
            await settled(it, fake)
            await asleep(it, fake)
            for value in (True, False, True):
                await wish(it, value)
            await wish(it, "x", "text 0")
            assert [row["id"] for row in (await it.device())["waiting"]] == [3, 4]
            await asleep(it, fake)
            assert fake.commands == [(3, 1, True), (4, 3, "x")]
            await wish(it, False)
            await it.until(lambda device: [row["id"] for row in device["waiting"]] == [4, 5])
            await fake.report(_2={0: 1})  # awake; it takes what waits
            await it.live()
            assert fake.commands[-1] == (5, 1, False)
            fake.commands.clear()
            assert (await wish(it, True)).status_code == 204
            assert all(row["path"] != "power" for row in (await it.device())["waiting"])

    run(test())


def test_what_does_not_fit_one_datagram_comes_with_the_next_and_there_is_an_end(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake(rows=ROWS) as fake:
            await add(it, fake)
            await settled(it, fake)
            await asleep(it, fake)
            for n in range(30):
                assert (await wish(it, "x" * 60, f"text {n}")).status_code == 202
            answer = await fake.report(_3=60_000, _4=True)
            assert len(answer.payload) <= 1024 and 5 < len(fake.commands) < 30
            for _ in range(5):
                await asleep(it, fake)
            assert [index for id, index, value in fake.commands] == [3 + n for n in range(30)]

    run(test())


def test_ids_do_not_come_again_for_a_device_that_was_forgotten_or_a_lost_database(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake:
            await add(it, fake)
            await settled(it, fake)
            await asleep(it, fake)
            assert (await wish(it, True)).json() == {"queued": 1}
            assert (await it.http.delete("/api/devices/fake-1")).status_code == 204
            await add(it, fake)
            await settled(it, fake)
            await asleep(it, fake)
            assert (await it.device())["waiting"] == []
            assert (await wish(it, True)).json() == {"queued": 2}
            fake.done = 41  # it remembers more than we do
            await asleep(it, fake)
            assert (await wish(it, False)).json() == {"queued": 42}
            await asleep(it, fake)
            assert fake.commands == [(42, 1, False)]

    run(test())


def test_a_plain_sleeper_has_no_mailbox(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            answer = await fake.report(_4=True)
            assert answer.payload == b"" and (await wish(it, True)).status_code == 504

    run(test())


@pytest.mark.parametrize("wire", [-1, "x", 2**64, None, True])
def test_an_acknowledgement_of_any_shape_is_answered(tmp_path, wire):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake:
            await add(it, fake)
            await settled(it, fake)
            assert (await fake.report(_5=wire)).code == aiocoap.BAD_REQUEST

    run(test())
