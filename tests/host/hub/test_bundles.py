"""The bundles of a hub: which it takes, and that anybody gets their bytes as they came, by CoAP and by HTTP."""

import asyncio
import hashlib

import aiocoap
import pytest
from tosplus import ports
from tosplus.hub import bundles
from updated import PUBLIC, STRANGER

from .running import hub
from .updating import Fleet, toy

OCTETS = {"content-type": "application/octet-stream"}


def run(folder, test, **options):
    async def main():
        coap = ports.free()
        async with hub(folder, coap, **options) as it:
            await test(Fleet(it, {}))

    asyncio.run(asyncio.wait_for(main(), 240))


def flipped(data, at):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def test_only_what_is_whole_and_signed_with_a_known_key_is_taken(tmp_path):
    async def test(it):
        made = toy().dumps()

        async def refused(data):
            return (await it.ask("POST", "/bundles", 409, content=data, headers=OCTETS))["error"]

        assert "tos ota trust" in await refused(made)
        assert await it.ask("POST", "/keys", 201, json={"key": PUBLIC.hex()}) == {"kid": toy().kid.hex()}
        assert "does not know" in await refused(toy(key=STRANGER).dumps())
        unsigned = toy()
        assert "not signed" in await refused(
            type(unsigned)(**{**vars(unsigned), "kid": bytes(8), "signature": bytes(64)}).dumps()
        )
        for at in range(0, len(made), 97):
            await refused(flipped(made, at))
        for data in (b"", made[:-1], made + b"x", b"\xd2" * 100):
            await refused(data)
        assert (await it.ask("GET"))["bundles"] == []
        await it.ask("POST", "/bundles", 413, content=bytes(bundles.MOST_B + 1), headers=OCTETS)
        await it.ask("POST", "/bundles", 415, content=made, headers={"content-type": "text/plain"})
        await it.ask("POST", "/keys", 400, json={"key": "abc"})
        await it.ask("POST", "/keys", 409, json={"key": "abcd"})
        assert (await it.ask("POST", "/bundles", 201, content=made, headers=OCTETS))["sequence"] == 2

    run(tmp_path, test)


def test_what_was_taken_is_there_after_a_restart_unless_it_was_damaged(tmp_path):
    async def bring(it):
        for n in (2, 3):
            await it.bring(toy(n))

    async def look(it):
        assert [bundle["sequence"] for bundle in (await it.ask("GET"))["bundles"]] == [3]

    run(tmp_path, bring)
    [file] = [file for file in (tmp_path / "bundles").iterdir() if file.name.startswith("2-")]
    file.write_bytes(flipped(file.read_bytes(), 3000))
    run(tmp_path, look)


def test_old_ones_go_but_for_what_a_rollout_needs(tmp_path):
    async def test():
        for n in range(2, 30):
            await kept.add(toy(n).dumps(), {first}, n)
        assert [bundle["sequence"] for bundle in kept.view()["bundles"]] == [*range(29, 29 - bundles._KEPT - 1, -1), 1]
        assert len(list(tmp_path.glob("*.tosb"))) == bundles._KEPT + 2

    kept = bundles.Bundles(tmp_path)
    kept.trust(PUBLIC)
    first = asyncio.run(kept.add(toy(1).dumps(), set(), 1)).id
    asyncio.run(test())


def test_http_serves_any_range_of_it_also_to_who_has_no_password(tmp_path):
    from tosplus.hub.password import store

    store(tmp_path, "correct horse")

    async def test(it):
        it.it.http.auth = ("", "correct horse")
        made = toy().dumps()
        address = f"/o/{await it.bring(toy())}"
        it.it.http.auth = None
        assert (await it.it.http.get("/api/updates")).status_code == 401
        whole = await it.it.http.get(address)
        assert whole.content == made and whole.headers["accept-ranges"] == "bytes"
        part = await it.it.http.get(address, headers={"range": "bytes=100-1123"})
        assert part.status_code == 206 and part.content == made[100:1124]
        rest = await it.it.http.get(address, headers={"range": "bytes=5000-"})
        assert (
            rest.content == made[5000:] and rest.headers["content-range"] == f"bytes 5000-{len(made) - 1}/{len(made)}"
        )
        assert (await it.it.http.get(address, headers={"range": f"bytes={len(made)}-"})).status_code == 416
        assert (await it.it.http.get("/o/2-0000000000000000")).status_code == 404
        assert (await it.it.http.get("/o/..%2fhub.db")).status_code == 404

    run(tmp_path, test)


@pytest.mark.parametrize("exponent", [2, 6])
def test_coap_serves_any_block_of_it(tmp_path, exponent):
    async def test(it):
        made = toy().dumps()
        uri = f"coap://127.0.0.1:{it.it.coap}/o/{await it.bring(toy())}"
        asking = await aiocoap.Context.create_client_context()

        async def block(number, exponent):
            request = aiocoap.Message(code=aiocoap.GET, uri=uri)
            request.opt.block2 = (number, False, exponent)
            return await asking.request(request, handle_blockwise=False).response

        try:
            size_b = 16 << exponent
            last = (len(made) - 1) // size_b
            for number in (3, 0, last):
                answer = await block(number, exponent)
                assert answer.payload == made[number * size_b :][:size_b]
                assert answer.opt.block2.more is (number < last)
                assert answer.opt.etag == hashlib.sha256(made).digest()[:8]
            assert (await block(last + 1, exponent)).code == aiocoap.BAD_OPTION
            uri = uri[:-1]
            assert (await block(0, exponent)).code == aiocoap.NOT_FOUND
        finally:
            await asking.shutdown()

    run(tmp_path, test)
