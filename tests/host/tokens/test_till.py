"""A till that is a device asks the token service, end to end through a real hub: /y by CoAP, and who may."""

import asyncio
import contextlib
import json
from concurrent.futures import ThreadPoolExecutor

import aiocoap
import cbor2
import pytest
import sqlalchemy as sa
from aiocoap import resource
from aiocoap.numbers import codes
from host.hub.running import hub
from host.hub.secure_fake import SecureFake
from host.hub.test_trust import add, run, settled
from host.test_cddl import check
from tosplus.hub import relay
from tosplus.link.pair import Paired
from tosplus.link.pairing_code import parse
from tosplus.link.server import listening
from tosplus.paths import ROOT
from tosplus.sim.process import micropython
from tosplus.tokens import coap, parties, sales, tables, tills, wallet, wire
from tosplus.tokens.contexts import Contexts
from tosplus.tokens.courier import Courier
from tosplus.tokens.device import Devices
from tosplus.tokens.results import Results
from tosplus.tokens.rows import Missing, Refused
from tosplus.tokens.service import Unavailable

from .bank import Bank


def asked(tap, key=b"k" * 16):
    track = bytes.fromhex(f"{tap.number}d29122010000000f")
    told = {0: key, 1: track, 2: tap.psn, 3: tap.pdol, 4: tap.aip, 5: tap.atc, 6: tap.ac, 7: tap.ctq, 8: tap.iad}
    return {**told, 9: tap.cid}


class Taken(resource.Resource):
    """A path of the device that takes what is put: fails says how often it does not."""

    def __init__(self):
        super().__init__()
        self.told, self.fails = [], 0

    async def render_put(self, request):
        self.fails -= 1
        if self.fails >= 0:
            return aiocoap.Message(code=codes.FORBIDDEN)
        self.told.append(cbor2.loads(request.payload))
        return aiocoap.Message(code=codes.CHANGED)


class House:
    """A till, which is aiocoap's OSCORE with the key of its pairing; its hub, which hands on; the token service."""

    def __init__(self, folder, url):
        self.folder, self.bank, self.sent = folder, Bank(url), []

    async def __aenter__(self):
        self._stack = contextlib.AsyncExitStack()
        enter = self._stack.enter_async_context
        self.bank.set_up()
        self.port = await self.serve()
        self.hub = await enter(hub(self.folder / "hub", plain=False, tokens_coap=f"127.0.0.1:{self.port}"))
        self.fake = await enter(SecureFake())
        await add(self.hub, self.fake)
        await settled(self.hub, self.fake)
        self.devices = await enter(Devices(self.bank, ("127.0.0.1", self.hub.coap)))
        self.fake.opened = True
        await self.devices.pair(parse(self.fake.code))
        self.keys = self.fake.peers["token service"][1]
        self.results = Results(self.bank, self.devices)
        self.terms, self.result = Taken(), Taken()
        site = self.fake.context.serversite._inner_site
        site.add_resource(["y", "till"], self.terms)
        site.add_resource(["y", "result"], self.result)
        self.client = await aiocoap.Context.create_client_context(transports=["udp6"])
        self._stack.push_async_callback(self.client.shutdown)
        return self

    async def __aexit__(self, *error):
        await self._stack.aclose()
        await self.stop()
        if error[0] is None:
            self.bank.check()
        self.bank.close()

    async def serve(self, port=0):
        self.door = coap.Door(self.bank, lambda result: self.results.put(result))
        self.context, port = await listening(self.door, "127.0.0.1", port)
        return port

    async def stop(self):
        await self.context.shutdown()
        await asyncio.to_thread(self.door.close)

    async def restart(self):
        """The service's process ends and another begins: what it had in its memory is gone."""
        await self.stop()
        self.bank.contexts = Contexts(self.bank)
        await self.serve(self.port)

    def till(self, terminal="TILL-1", **about):
        about = tills.About("fake-1", **about)
        return self.bank.write(lambda c, now: tills.add(c, "test", "CAMPUS", terminal, about, now))

    def paired(self):
        """The pairing's secret, salt, our id, and the till's, in hex."""
        sealed = self.bank.read(lambda c: c.scalar(sa.select(tables.devices.c.sealed)))
        return json.loads(self.bank.vault.open("device fake-1", sealed))

    async def datagram(self, message):
        """What comes back for one that is sealed, or should be."""
        self.sent.append(message)
        copy = message.copy(uri=f"coap://127.0.0.1:{self.hub.coap}", mid=None, token=b"")
        copy.opt.uri_path = ()
        copy.opt.proxy_scheme, copy.opt.uri_host = "coap", "tokens"
        return await asyncio.wait_for(self.client.request(copy, handle_blockwise=False).response, 60)

    async def ask(self, path, told=b"", code=aiocoap.POST, **options):
        """-> code and what was answered, under our key; `unsealed` where it is not."""
        echo = None
        for _ in range(2):
            payload = told if isinstance(told, bytes) else cbor2.dumps(told)
            request = aiocoap.Message(code=code, uri=f"coap://x/{path}", payload=payload, content_format=60, echo=echo)
            for name, value in options.items():
                setattr(request.opt, name, value)
            sealed, about = self.keys.protect(request)
            sealed.opt.uri_host = None
            answer = await self.datagram(sealed)
            if answer.opt.oscore is None:
                return answer.code, "unsealed"
            found, _ = self.keys.unprotect(answer, about)
            if found.opt.echo is None:
                break
            echo = found.opt.echo
        if not found.code.is_successful():
            return found.code, found.payload.decode()
        assert found.opt.content_format == 60
        return found.code, cbor2.loads(found.payload)


def on_both(body):
    """On both databases."""

    def test(tmp_path, url, monkeypatch):
        _run(body, tmp_path, url, monkeypatch)

    return _named(test, body)


def on_one(body):
    """Where it is not the database that matters."""

    def test(tmp_path, monkeypatch):
        _run(body, tmp_path, f"sqlite:///{tmp_path}/tokens.db", monkeypatch)

    return _named(test, body)


def _run(body, folder, url, monkeypatch):
    monkeypatch.setattr(relay, "_BURST", 500.0)
    monkeypatch.setattr(relay, "_ALL_BURST", 500.0)

    async def test():
        async with House(folder, url) as house:
            await body(house)

    run(test())


def _named(test, body):
    test.__name__, test.__doc__ = body.__name__, body.__doc__
    return test


@on_both
async def test_a_sale_a_reversal_and_a_refund_through_the_hub_with_merchant_and_terminal_of_the_credential(h):
    h.till()
    card = h.bank.card()
    tap = card.tap(1250)
    code, sale = await h.ask("y/auth", asked(tap))
    assert code is codes.CHANGED and (sale[0], sale[1], len(sale[3]), len(sale[5])) == (True, 0, 8, 6)
    assert (await h.ask("y/auth", asked(tap)))[1] == sale  # a till that has lost the answer
    row = h.bank.auth(sale[4])
    assert (row.merchant, row.terminal, row.amount, row.state) == ("CAMPUS", "TILL-1", 1250, "held")
    assert (await h.ask("y/auth", asked(tap, b"l" * 16)))[1][1] == 7
    assert (await h.ask("y/auth", {**asked(tap), 9: 0}))[0] is codes.UNPROCESSABLE_ENTITY
    reversal = {0: b"r" * 16, 1: tap.number, 2: 1, 3: b"k" * 16}
    assert (await h.ask("y/reverse", reversal))[1] == {0: True, 1: 0}
    assert (await h.ask("y/reverse", reversal))[1] == {0: True, 1: 0}
    second = (await h.ask("y/auth", asked(card.tap(700), b"m" * 16)))[1]
    assert (await h.ask("y/void", {0: b"v" * 16, 1: second[4]}))[1] == {0: True, 1: 0, 4: second[4]}
    third = (await h.ask("y/auth", asked(card.tap(900), b"n" * 16)))[1]
    h.bank.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now))
    assert (await h.ask("y/refund", {0: b"f" * 16, 1: third[4], 2: 300}))[1] == {0: True, 1: 0, 4: third[4]}
    assert h.bank.has(card) == (100_000 - 600, 0)


@on_one
async def test_a_till_that_uses_the_terminal_of_another_is_declined(h):
    h.till("TILL-2")
    answer = (await h.ask("y/auth", asked(h.bank.card().tap(1250))))[1]
    assert (answer[0], answer[1]) == (False, 11) and h.bank.audited("authorise") == ["terminal"]
    assert h.bank.auth(answer[4]).terminal == "TILL-2"


@on_both
async def test_a_device_that_is_no_till_and_one_whose_credential_has_ended_are_told_so(h):
    tap = asked(h.bank.card().tap(1250))
    for path in ("y/auth", "y/reverse", "y/void", "y/refund"):
        assert (await h.ask(path, tap))[0] is codes.FORBIDDEN
    id = h.till()
    assert (await h.ask("y/auth", tap))[0] is codes.CHANGED
    h.bank.write(lambda c, now: parties.end(c, "test", id, now))
    assert (await h.ask("y/auth", {**tap, 0: b"2" * 16}))[0] is codes.FORBIDDEN
    assert h.bank.count(tables.auths) == 1
    h.till()
    assert (await h.ask("y/auth", {**tap, 0: b"3" * 16}))[0] is codes.CHANGED


@on_one
async def test_a_datagram_that_is_repeated_is_not_answered_again_and_after_a_restart_an_echo_is_wanted(h):
    h.till()
    card = h.bank.card()
    assert (await h.ask("y/auth", asked(card.tap(1))))[0] is codes.CHANGED
    assert len(h.sent) == 2  # the first has to show that it is fresh
    assert (await h.ask("y/auth", asked(card.tap(1), b"2" * 16)))[0] is codes.CHANGED and len(h.sent) == 3
    for old in h.sent[:3]:
        answer = await h.datagram(old)
        assert (answer.code, answer.opt.oscore, answer.payload) == (codes.UNAUTHORIZED, None, b"Replay detected")
    count = h.bank.count(tables.auths)
    await h.restart()
    for old in h.sent[:3]:
        answer = await h.datagram(old)
        assert answer.opt.oscore and answer.code is codes.CHANGED  # sealed: show me an Echo
    assert h.bank.count(tables.auths) == count == 2
    before = len(h.sent)
    assert (await h.ask("y/auth", asked(card.tap(1), b"3" * 16)))[0] is codes.CHANGED and len(h.sent) == before + 2
    assert (await h.datagram(h.sent[-1])).code is codes.UNAUTHORIZED
    assert h.bank.count(tables.auths) == 3


@on_both
async def test_no_number_is_used_twice_by_courier_till_restart_or_another_process(h):
    """Each answer has a number of its own: a second process with our database may answer the same datagram."""
    h.till()
    card, seen = h.bank.card(), []
    receive = h.keys.unprotect

    def unprotect(message, about=None):
        size = message.opt.oscore[0] & 7
        assert size
        seen.append(message.opt.oscore[1 : 1 + size])
        return receive(message, about)

    h.keys.unprotect = unprotect
    h.fake.contexts[":token service"] = h.keys
    for n in range(4):
        told = asked(card.tap(1), bytes([n]) * 16)
        both = h.ask("y/auth", told), h.devices.ask("fake-1", codes.PUT, "y/till", {0: n})
        assert (await asyncio.gather(*both))[0][0] is codes.CHANGED
        assert (await h.ask("y/auth", told))[0] is codes.CHANGED  # which shows no Echo
        await h.restart()
    assert len(seen) >= 12 and len(set(seen)) == len(seen)


@on_one
async def test_what_is_malformed_or_not_there_is_refused_under_the_key(h):
    h.till()
    tap = asked(h.bank.card().tap(1250))
    wrong = [b"", b"\xff", [], {}, {**tap, 10: 1}, {**tap, 0: b"k"}, {**tap, 2: True}, b"\xa0" + bytes(600)]
    assert [(await h.ask("y/auth", told))[0] for told in wrong] == [codes.BAD_REQUEST] * len(wrong)
    assert (await h.ask("y/nothing", tap))[0] is codes.NOT_FOUND
    assert (await h.ask("y/auth", tap, aiocoap.PUT))[0] is codes.METHOD_NOT_ALLOWED
    assert (await h.ask("y/auth", tap, if_match=[b"x"]))[0] is codes.BAD_OPTION
    assert (await h.ask("y/auth", tap, content_format=50))[0] is codes.BAD_REQUEST
    assert h.bank.count(tables.auths) == 0


@on_one
async def test_who_has_not_the_key_hears_so_in_the_clear_and_nothing_is_done(h):
    h.till()
    assert (await h.ask("y/auth", asked(h.bank.card().tap(1))))[0] is codes.CHANGED
    good = h.sent[-1]
    kid = h.keys.sender_id
    cases = [
        (good.copy(payload=good.payload[:-1] + bytes([good.payload[-1] ^ 1])), b"\x09\x7f" + kid, codes.BAD_REQUEST),
        (good.copy(), b"\x09\x7f" + b"zz", codes.UNAUTHORIZED),
        (good.copy(), b"\x19\x7f\x01x" + kid, codes.BAD_REQUEST),
        (good.copy(), b"\x09", codes.BAD_OPTION),
        (good.copy(), b"\xff" * 9, codes.BAD_OPTION),
        (good.copy(), b"", codes.UNAUTHORIZED),
    ]
    for message, option, code in cases:
        message.opt.oscore = option
        answer = await h.datagram(message)
        assert (answer.code, answer.opt.oscore) == (code, None), option
    async with SecureFake("other") as other:
        plain = aiocoap.Message(code=aiocoap.POST, uri=f"coap://127.0.0.1:{h.port}/y/auth", payload=b"\xa0")
        answer = await other.context.request(plain).response
        assert (answer.code, answer.opt.oscore) == (codes.UNAUTHORIZED, None)
    assert h.bank.count(tables.auths) == 1


@on_one
async def test_what_cannot_be_answered_now_is_said_to_and_nothing_is_lost(h):
    h.till()
    card = h.bank.card()
    tap = asked(card.tap(1250))
    assert (await h.ask("y/reverse", {0: b"r" * 16, 1: tap[1][:8].hex(), 2: 99}))[0] is codes.CHANGED
    once = h.bank.authorise
    for why in (sa.exc.OperationalError("", {}, Exception("locked")), Unavailable("the disk is full")):

        def failing(*about, why=why):
            raise why

        h.bank.authorise = failing
        assert await h.ask("y/auth", tap) == (codes.SERVICE_UNAVAILABLE, "not now")
    h.bank.authorise = once
    assert (await h.ask("y/auth", tap))[1][0]
    _, context = h.bank.contexts._kept["fake-1"]
    context._next, context._reserve = context._end, failing  # the database takes no sequence number either
    assert await h.ask("y/auth", tap) == (codes.SERVICE_UNAVAILABLE, "unsealed")
    del context._reserve
    h.door._busy = coap._MOST
    assert await h.ask("y/auth", tap) == (codes.SERVICE_UNAVAILABLE, "unsealed")
    h.door._busy = 0


@on_both
async def test_a_till_is_told_who_it_is_until_it_has_answered_and_again_after_another_pairing(h):
    rider = Courier(h.bank, h.devices, lambda: h.bank.now)

    async def ride():
        await rider.round()
        await rider.settled()

    await ride()
    assert h.terms.told == []
    id, h.terms.fails = h.till(name="Mensa Süd, links", offline=(500, 2000)), 2
    for _ in range(4):
        await ride()
        h.bank.now += 700
    told = {0: "CAMPUS", 1: "TILL-1  ", 2: "0978", 3: "0276", 4: "Mensa Süd, links", 5: [500, 2000]}
    check("till_terms", cbor2.dumps(told))
    assert h.terms.told == [told] and h.bank.audited("introduce") == ["fake-1"]
    h.bank.write(lambda c, now: parties.end(c, "test", id, now))
    await ride()
    h.till("TILL-2", country=40)
    await ride()
    assert h.terms.told[1:] == [{0: "CAMPUS", 1: "TILL-2  ", 2: "0978", 3: "0040", 4: ""}]
    h.fake.reset()
    h.fake.opened = True
    await h.hub.http.delete("/api/devices/fake-1")
    await add(h.hub, h.fake)
    await settled(h.hub, h.fake)
    await h.devices.pair(parse(h.fake.code))
    await ride()
    assert len(h.terms.told) == 3


@on_one
async def test_the_card_hears_its_result_once_and_the_till_does_not_wait_for_it(h):
    h.till()
    card = h.bank.card()
    h.bank.write(lambda c, now: c.execute(tables.tokens.update().values(device="fake-1")))
    ask, may = h.devices.ask, asyncio.Event()

    async def slow(*about):
        await may.wait()
        return await ask(*about)

    h.devices.ask = slow
    tap = card.tap(1250)
    for _ in range(3):
        answer = (await h.ask("y/auth", asked(tap)))[1]
    assert h.result.told == []
    may.set()
    await h.results.settled()
    assert h.result.told == [{0: 1, 1: answer[3], 2: answer[2], 3: b"\0"}]
    h.bank.write(lambda c, now: wallet.suspend(c, "test", card.id, now))
    suspended = (await h.ask("y/auth", asked(card.tap(1), b"2" * 16)))[1]
    assert (await h.ask("y/auth", asked(tap, b"3" * 16)))[1][1] == 7  # the same tap again is no news of it
    assert (await h.ask("y/auth", {**asked(card.tap(1), b"4" * 16), 6: bytes(8)}))[1][1] == 1
    await h.results.settled()
    assert h.result.told[1:] == [{0: 2, 1: suspended[3], 2: b"\0\x20\0\0", 3: b"\x03"}]


@on_one
async def test_a_card_that_cannot_be_reached_is_asked_once_and_the_sale_is_as_good(h):
    h.till()
    card, tried = h.bank.card(), []
    h.bank.write(lambda c, now: c.execute(tables.tokens.update().values(device="fake-2")))

    async def nobody(*about):
        tried.append(about)
        raise Missing("no key")

    h.devices.ask = nobody
    assert (await h.ask("y/auth", asked(card.tap(1250))))[1][0]
    await h.results.settled()
    assert len(tried) == 1


def test_threads_and_processes_that_send_with_one_key_never_have_the_same_number(tmp_path):
    bank = Bank(f"sqlite:///{tmp_path}/tokens.db")
    bank.contexts.expect("fake-1", Paired(bytes(16), bytes(8), b"a", b"bc"))
    keys = [each.of("fake-1", unproven=True) for each in (bank.contexts, bank.contexts, Contexts(bank))]
    assert keys[0] is keys[1] is not keys[2] and bank.contexts.by(b"bc") is None
    with ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(lambda n: [keys[n % 3].new_sequence_number() for _ in range(300)], range(6)))
    assert len({number for some in numbers for number in some}) == 1800
    bank.close()


@on_both
async def test_a_till_is_a_device_that_is_paired_and_one_only_and_has_no_secret(h):
    with pytest.raises(Missing, match="not paired"):
        h.bank.write(lambda c, now: tills.add(c, "test", "CAMPUS", "TILL-1", tills.About("fake-2"), now))
    with pytest.raises(Missing, match="merchant"):
        h.bank.write(lambda c, now: tills.add(c, "test", "NOBODY", "TILL-1", tills.About("fake-1"), now))
    id = h.till()
    with pytest.raises(Refused, match=f"TILL-1 of CAMPUS, by {id}"):
        h.till("TILL-2")
    c = tables.credentials.c
    assert h.bank.read(lambda connection: connection.scalar(sa.select(c.digest).where(c.id == id))) is None
    assert h.bank.credential("None") is None and h.bank.credential("") is None


@on_one
async def test_the_firmwares_own_oscore_asks_through_the_hub(h):
    h.till()
    tap = h.bank.card().tap(1250)
    reversal = {0: b"r" * 16, 1: tap.number, 2: 1}
    said = [["auth", asked(tap)], ["auth", asked(tap)], ["reverse", reversal], ["nothing", {}]]
    order = dict(zip(("secret", "salt", "recipient", "sender"), h.paired(), strict=True))
    order |= {"port": h.hub.coap, "asked": [[path, cbor2.dumps(told).hex()] for path, told in said]}
    process = await asyncio.create_subprocess_exec(
        *(micropython(), "tests/till_client_target.py"),
        cwd=ROOT, env={"MICROPYPATH": "lib:firmware:.frozen"}, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(json.dumps(order).encode()), 60)
    sale, again, reversed, nothing = json.loads(out)
    assert sale == again and sale[0] == codes.CHANGED and cbor2.loads(bytes.fromhex(sale[1]))[0] is True
    assert reversed == [codes.CHANGED, cbor2.dumps({0: True, 1: 0}).hex()] and nothing[0] == codes.NOT_FOUND


@on_one
async def test_a_till_by_http_and_one_by_coap_are_two_and_do_not_share_their_idempotency_keys(h):
    h.till()
    other, card = h.bank.till(), h.bank.card()
    tap = card.tap(1250)
    first = cbor2.loads(wire.answer(h.bank, other, "/y/auth", cbor2.dumps(asked(tap))))
    assert first[0] and (await h.ask("y/auth", asked(tap)))[1][1] == 7
