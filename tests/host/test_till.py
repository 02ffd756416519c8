"""A tap between two devices: a simulated watch pays at a simulated till, and a service that is none of ours says yes.

Watch, till and service are three processes or tasks of their own; between watch and till is the wire of two PN532s, and
between till and service somebody who relays and cannot read. The service is aiocoap's server over aiocoap's OSCORE; it
derives keys and checks cryptograms with the library `cryptography`, by tests/issuer.py.
"""

import asyncio
import contextlib
import socket

import aiocoap
import cbor2
import issuer
from aiocoap import resource
from aiocoap_hub import Hub
from payer import watch
from soon import soon
from tosplus.link.client import Client
from tosplus.link.oscore import Context
from tosplus.sim.device import Device
from tosplus.sim.peer import put_in
from trust import Asking, credentials

TOKENS = Context(b"the service's 16 B key", b"salt", b"\x0a", b"\x0b")  # from its side
TERMS = {0: "CANTEEN", 1: "TILL0001", 2: "0978", 3: "0276", 4: "Canteen"}
APPROVED, DECLINED = b"\x00\x80\x00\x00", bytes(4)
WALL = 1_795_255_855  # 21 November 2026


class Authoriser:
    """What a token service is to a till, and no more. limit: in cents. is_silent: it books, and does not answer."""

    def __init__(self, limit=100_000):
        self.limit = limit
        self.is_silent = False
        self.heard = []  # (path, map)
        self.booked = {}  # {(number, ATC): [key, amount, is_reversed]}

    def add_to(self, site):
        for path in ("auth", "reverse", "void", "refund"):
            site.add_resource(["y", path], _Path(self, path))

    def auth(self, told):
        track = told[1].hex()
        number, atc = track.split("d")[0], int.from_bytes(told[5], "big")
        luk = issuer.luk(1, number, told[2])
        pdol, ac = told[3], told[6]
        reason = 0
        if ac != issuer.cryptogram(luk, pdol, told[4], told[5], told[7], told[8]) or told[8][3] != 0xA0:
            reason = 1
        elif pdol[33:] != b"CANTEEN        TILL0001":
            reason = 11
        elif int(pdol[4:10].hex()) > self.limit:
            reason = 8
        elif self.booked.get((number, atc), [told[0]])[0] != told[0]:
            reason = 7
        elif (number, atc) in self.booked and self.booked[number, atc][2]:
            reason = 15
        if not reason:
            self.booked.setdefault((number, atc), [told[0], int(pdol[4:10].hex()), False])
        csu = DECLINED if reason else APPROVED
        mac = issuer.response(luk, atc, ac, csu, bytes((reason,)))
        return {0: not reason, 1: reason, 2: csu, 3: mac, 4: f"{atc:04x}", **({} if reason else {5: "A1B2C3"})}

    def reverse(self, told):
        booked = self.booked.setdefault((told[1], told[2]), [told[3], 0, True])
        assert booked[0] == told[3]
        booked[2] = True
        return {0: True, 1: 0}

    def void(self, told):
        [booked] = self.booked.values()
        booked[2] = True
        return {0: True, 1: 0, 4: told[1]}


class _Path(resource.Resource):
    def __init__(self, authoriser, path):
        super().__init__()
        self._authoriser = authoriser
        self._path = path

    async def render_post(self, request):
        told = cbor2.loads(request.payload)
        self._authoriser.heard.append((self._path, told))
        answer = getattr(self._authoriser, self._path)(told)
        while self._authoriser.is_silent:
            await asyncio.sleep(0.05)
        return aiocoap.Message(code=aiocoap.CHANGED, payload=cbor2.dumps(answer), content_format=60)


class Relay(asyncio.DatagramProtocol):
    """The hub's part in this: whatever is for the host "tokens" goes there, without what said so. It sees no more than
    is on the wire, and keeps it."""

    def __init__(self, service):
        self._service = service
        self._till = None
        self.seen = []

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, source):
        if source == self._service:
            self.seen.append(data)
            if self._till:
                self._transport.sendto(data, self._till)
            return
        self._till = source
        message = aiocoap.Message.decode(data)
        head = 4 + len(message.token)
        if message.opt.uri_path[:1] == ("r",):  # a report to the hub itself
            self._transport.sendto(bytes((0x60 | len(message.token), aiocoap.CHANGED)) + data[2:head], source)
            return
        onward = data
        if message.code.is_request():
            assert (message.opt.proxy_scheme, message.opt.uri_host) == ("coap", "tokens")
            assert message.code is aiocoap.POST and len(list(message.opt.option_list())) == 3 and len(data) < 300
            oscore = message.opt.oscore
            onward = data[:head] + bytes((0x90 | len(oscore),)) + oscore + b"\xff" + message.payload
        self.seen.append(data)
        self._transport.sendto(onward, self._service)


class Shop:
    def __init__(self, device, client, authoriser, relay, payer):
        self.device = device
        self.client = client
        self.authoriser = authoriser
        self.relay = relay
        self.watch = payer

    async def types(self, *keys):
        for key in keys:
            await self.device.control("append", signal="keys", value=key)

    async def until(self, path, *values):
        for _ in range(600):
            value = await self.client.get(path)
            if value in values:
                return value
            await asyncio.sleep(0.05)
        raise AssertionError(
            f"{path} is {value!r}, not one of {values}; the till shows {await self.client.get('text')!r}"
        )

    async def pays(self, *keys):
        """Until the service has said something -> how it ended."""
        await self.types(*keys, "ok")
        await self.until("sale", "tap")
        await self.watch.device.press("button_b", 200)
        return await self.until("sale", "approved", "declined", "lost", "failed")

    async def revived(self):
        """The till's supply fails, and comes back."""
        await self.device.kill()
        await self.device.restarted()


@contextlib.asynccontextmanager
async def shop(folder, terms=TERMS, **about):
    authoriser = Authoriser(**about)
    async with contextlib.AsyncExitStack() as stack:
        service = await stack.enter_async_context(Hub(TOKENS, folder / "tokens", authoriser.add_to))
        where = service.address.split(":")
        loop = asyncio.get_running_loop()
        transport, relay = await loop.create_datagram_endpoint(
            lambda: Relay((where[0], int(where[1]))), ("127.0.0.1", 0), family=socket.AF_INET
        )
        stack.callback(transport.close)
        payer, air = await stack.enter_async_context(watch(folder))
        device = Device("till", state_dir=folder / "till", plain=True, air=air, wall=WALL)
        await stack.enter_async_context(device)
        await device.ready()
        await put_in(device, "tokens", TOKENS, "token-service")
        asking = await stack.enter_async_context(Asking(device, credentials(TOKENS, folder)))
        assert (await asking.ask("PUT", "y/till", terms)).code is aiocoap.CHANGED
        await device.control("config", changes={"hub": "127.0.0.1:%d" % transport.get_extra_info("sockname")[1]})
        client = await stack.enter_async_context(Client(*device.link))
        yield Shop(device, client, authoriser, relay, payer)


def test_a_watch_pays_at_a_till_and_both_say_so(tmp_path):
    async def main():
        async with shop(tmp_path) as till:
            before = await till.device.control("flash")
            assert await till.pays("1", "2", "5", "0") == "approved"
            after = await till.device.control("flash")
            # Three short records. With eight sales they are 22 programs and 3 erases, of which a third is in the tap.
            assert after["programs"] - before["programs"] <= 12 and after["erases"] == before["erases"]
            (path, told), *more = till.authoriser.heard
            assert (path, more) == ("auth", []) and told[3][4:10].hex() == "000000001250"
            assert told[3][25:28].hex() == "261121"
            assert till.authoriser.booked == {(issuer.NUMBER, 1): [told[0], 1250, False]}
            assert await till.client.get("receipt") == "Canteen 12.50 EUR approved A1B2C3 0001"
            assert await till.client.get("text") == "Approved\n12.50 EUR" and await till.client.get("owed") == 0
            assert not [data for data in till.relay.seen if issuer.NUMBER.encode() in data or told[6] in data]
            mac = issuer.response(issuer.luk(1), 1, told[6], APPROVED, b"\0")
            await till.watch.tell(aiocoap.PUT, "y/result", {0: 1, 1: mac, 2: APPROVED, 3: b"\0"})
            await till.watch.until("payment", "approved")

    asyncio.run(main())


def test_what_is_over_a_limit_is_declined_in_words_and_the_next_one_is_voided(tmp_path):
    async def main():
        async with shop(tmp_path, limit=1000) as till:
            assert await till.pays("1", "2", "5", "0") == "declined"
            assert await till.client.get("text") == "Declined:\nOver its limit"
            assert await till.pays("7") == "approved"
            await till.types("ok", "ok")
            for _ in range(600):
                if "taken back" in await till.client.get("receipt"):
                    break
                await asyncio.sleep(0.05)
            assert await till.client.get("text") == "Taken back\n0.07 EUR"
            assert [booked[1:] for booked in till.authoriser.booked.values()] == [[7, True]]

    asyncio.run(main())


def test_a_power_cut_while_the_service_is_asked_is_reversed_and_the_next_tap_is_another(tmp_path):
    async def main():
        async with shop(tmp_path) as till:
            till.authoriser.is_silent = True
            await till.types("7", "ok")
            await till.until("sale", "tap")
            await till.watch.device.press("button_b", 200)
            await till.until("sale", "asks")
            await soon(lambda: till.authoriser.heard)
            await till.revived()
            till.authoriser.is_silent = False
            await till.until("owed", 0)
            while till.authoriser.heard[-1][0] != "reverse":
                await asyncio.sleep(0.02)
            [(number, atc)] = till.authoriser.booked
            assert till.authoriser.booked[number, atc] == [till.authoriser.heard[0][1][0], 7, True]
            assert await till.pays("9") == "approved"
            assert sorted(booked[1:] for booked in till.authoriser.booked.values()) == [[7, True], [9, False]]
            assert len({booked[0] for booked in till.authoriser.booked.values()}) == 2

    asyncio.run(main())
