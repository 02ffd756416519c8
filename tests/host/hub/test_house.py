"""A device that reports is followed, shown, switched and remembered."""

import asyncio
import json

import aiocoap
import cbor2
import pytest

from .fake import Fake
from .running import heard, hub, value_of


def run(test):
    asyncio.run(asyncio.wait_for(test, 240))


def test_a_device_that_reports_is_shown_live_and_switched(tmp_path):
    async def test():
        async with hub(tmp_path) as it, it.page() as page:
            first = json.loads(await page.recv())
            assert first["type"] == "house" and first["devices"] == [] and first["hub"]["history"] == "kept"
            async with Fake(it.coap) as fake:
                device = await it.until(lambda device: value_of(device, "temp") == 20)
                assert (device["name"], device["model"], device["address"]) == ("kettle", "kettle", fake.address)
                assert device["starts"] == 1 and device["warnings"] == []
                assert device["link"] == "live" and value_of(device, "power") is False
                fake.set({0: 21})
                message = await heard(page, lambda m: m["type"] == "values" and m["values"].get("temp") == 21)
                assert message["values"] == {"temp": 21} and message["device"] == "fake-1"
                assert (await it.http.put("/api/devices/fake-1/s/power", json={"value": True})).status_code == 204
                await it.until(lambda device: value_of(device, "power") is True)
                assert [value for at, value in await it.values()] == [20, 21]
                fake.emit()
                event = await heard(page, lambda m: m["type"] == "event" and m["event"]["kind"] == "event")
                assert (event["event"]["path"], event["event"]["value"]) == ("pressed", "press")

    run(test())


@pytest.mark.parametrize("value", [True, False, 1, 0, 1.0, 0.5, -3, "on", None])
def test_a_value_reaches_the_device_as_it_was_written(tmp_path, value):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            assert (await it.http.put("/api/devices/fake-1/s/power", json={"value": value})).status_code == 204
            assert fake.put == [cbor2.dumps(value)]

    run(test())


def test_a_refusal_of_the_device_is_told_in_its_words(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            fake.refuse = aiocoap.Message(code=aiocoap.SERVICE_UNAVAILABLE, payload=b"336 temp")
            answer = await it.http.put("/api/devices/fake-1/s/power", json={"value": True})
            assert answer.status_code == 409 and "stays safe" in answer.json()["error"]
            assert (answer.json()["code"], answer.json()["answer"]) == (336, "5.03")

    run(test())


def test_true_is_not_one(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap, values={0: 1, 1: True}) as fake:
            await it.until(lambda device: value_of(device, "temp") == 1)
            fake.set({0: True, 1: 1})
            await it.until(lambda device: value_of(device, "temp") is True and value_of(device, "power") is not True)

    run(test())
