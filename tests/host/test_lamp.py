"""The lamp: a button, an event, and state that survives a kill."""

import asyncio

from soon import soon
from tosplus.link.client import Client
from tosplus.sim.device import Device


def test_a_press_toggles_the_light_is_an_event_and_survives_a_kill(tmp_path):
    async def main():
        async with Device("lamp", state_dir=tmp_path, rate=4, plain=True) as lamp:
            await lamp.ready()
            async with Client(*lamp.link) as client:
                assert await client.state() == {"button": False, "light": False, "brightness": 80}
                await client.set("brightness", 30)
                await lamp.control("set", signal="button", value=True)
                await soon(lambda: client.get("light"))
                assert (await lamp.control("get"))["signals"]["led_percent"] == 30
                await lamp.control("set", signal="button", value=False)
                assert [(event.path, event.value) for event in (await client.events()).latest] == [("pressed", "press")]
                while (await client.log()).counts.get(204, 0) < 2:  # the later change waits for its turn to be saved
                    await asyncio.sleep(0.05)
                await lamp.kill()
                await lamp.restarted()
                assert await client.get("light") is True and await client.get("brightness") == 30
                assert (await lamp.control("get"))["signals"]["led_percent"] == 30

    asyncio.run(main())
