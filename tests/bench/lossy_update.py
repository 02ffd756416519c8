"""A whole update from the hub to a simulated kettle, over a link that loses datagrams and takes 10 ms each way."""

import asyncio
import time
from pathlib import Path

import aiocoap
from host.hub.updating import fleet
from lossy import Relay, relayed
from updated import FAILED, READY, TRIAL, House, bundled

_DELAY_S = 0.01


class _Weighed(Relay):
    """Counts what was sent, also what is then lost."""

    sent_b = 0

    def datagram_received(self, data, address):
        _Weighed.sent_b += len(data)
        super().datagram_received(data, address)


async def lossy_update(folder, loss):
    """(s from the order until all of it is there and verified, B on the wire both ways, B of the bundle)"""
    made, _Weighed.sent_b = bundled(), 0
    async with fleet(Path(folder), rate=1) as it:
        name = await it.bring(made)
        server = f"127.0.0.1:{it.it.coap}"
        asking = await aiocoap.Context.create_client_context()
        async with relayed(server, lambda server: _Weighed(server, loss, _DELAY_S, 1)) as address:
            house = House(it.devices["k0"], None, asking, f"coap://{address}/o/{name}")
            began = time.perf_counter()
            assert (await house.ask(aiocoap.PUT, {0: made.message(), 1: house.url})).code == aiocoap.CHANGED
            assert (await house.until(READY, TRIAL, FAILED, timeout_s=120))[1] != FAILED
            took_s = time.perf_counter() - began
        await asking.shutdown()
        await asyncio.sleep(0)
    return took_s, _Weighed.sent_b, len(made.dumps())
