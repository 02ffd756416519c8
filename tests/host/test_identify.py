"""`POST /d`: a device shows which one it is, and is afterwards as its app wants it."""

import asyncio

import pytest
from tosplus.link.client import Client, LinkError
from tosplus.sim.device import Device


def device(tmp_path, test, app):
    async def main():
        async with Device(app, state_dir=tmp_path / "den" / "it", rate=0, plain=True) as it:
            await it.ready()
            async with Client(*it.link) as client:
                await test(it, client)

    asyncio.run(main())


async def seen(it, signal, ms=250, times=24):
    """The signal in the middle of each quarter of a second."""
    values = []
    await it.control("advance", ms=ms // 2)
    for _ in range(times):
        values.append((await it.control("get"))["signals"][signal])
        await it.control("advance", ms=ms)
    return values


def test_a_lamp_blinks_for_five_seconds_and_is_as_it_was(tmp_path):
    async def test(it, client):
        await client.set("light", True)
        await client.set("brightness", 40)
        await client.identify()
        values = await seen(it, "led_percent")
        assert values[:20] == [100, 0] * 10 and values[20:] == [40] * 4
        assert await client.get("brightness") == 40

    device(tmp_path, test, "lamp")


def test_what_the_app_wants_meanwhile_is_there_afterwards(tmp_path):
    async def test(it, client):
        await client.identify()
        await seen(it, "led_percent", times=5)
        await client.set("light", True)
        assert (await it.control("get"))["signals"]["led_percent"] == 80  # at once, until it blinks again
        await client.identify()  # once more meanwhile is no more
        assert (await seen(it, "led_percent"))[-4:] == [80] * 4
        assert (await client.log()).counts[226] == 1
        await client.identify()
        assert (await client.log()).counts[226] == 2

    device(tmp_path, test, "lamp")


def test_a_product_without_a_light_taps(tmp_path):
    async def test(it, client):
        await client.identify()
        values = await seen(it, "vibration")
        assert values[:20] == [True, False] * 10 and not any(values[20:])

    device(tmp_path, test, "watch")


def test_a_product_with_a_display_alone_shows_its_id_and_then_its_text(tmp_path):
    app = tmp_path / "sign.py"
    app.write_text(
        "from tos import App\n"
        "app = App('sign', needs=('display',))\n"
        "@app.write('text', initial='open', depends=())\n"
        "def text(dev, line):\n"
        "    dev.display(line)\n"
    )

    async def test(it, client):
        id = (await client.identity()).id
        await client.identify()
        values = await seen(it, "display")
        assert values[:20] == [id, ""] * 10 and values[20:] == ["open"] * 4

    device(tmp_path, test, str(app))


def test_a_kettle_has_nothing_for_that_and_says_so(tmp_path):
    async def test(it, client):
        with pytest.raises(LinkError) as refused:
            await client.identify()
        assert (refused.value.answer, refused.value.code) == ("4.05", 385)

    device(tmp_path, test, "kettle")
