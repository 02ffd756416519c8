"""Others reach a device through the hub, end to end: a token service's key is never in the hub's hands."""

import asyncio

import aiocoap
import cbor2
import pytest
from aiocoap.numbers import codes
from tosplus import ports
from tosplus.hub import relay
from tosplus.link.pair import Asker
from tosplus.link.pairing_code import parse
from tosplus.link.schema import ROLES

from .running import hub
from .secure_fake import TOKENS, Keys, SecureFake
from .test_trust import add, run, settled


class Service:
    """A token service, of aiocoap alone: everything it sends goes to the hub."""

    def __init__(self, hub_port, id):
        self.hub_port, self.id = hub_port, id
        self.keys = None

    async def __aenter__(self):
        self.context = await aiocoap.Context.create_client_context(transports=["udp6"])
        return self

    async def __aexit__(self, *error):
        await self.context.shutdown()

    async def send(self, message, **options):
        copy = aiocoap.Message(code=message.code, payload=message.payload, uri=f"coap://127.0.0.1:{self.hub_port}")
        copy.opt.uri_path = message.opt.uri_path
        copy.opt.oscore = message.opt.oscore
        copy.opt.proxy_scheme, copy.opt.uri_host = "coap", self.id
        for name, value in options.items():
            setattr(copy.opt, name, value)
        return await asyncio.wait_for(self.context.request(copy, handle_blockwise=False).response, 60)

    async def pair(self, code):
        asker = Asker(parse(code).secret, "token-service", "bank", b"\x42")
        answer = await self.send(aiocoap.Message(code=aiocoap.POST, uri="coap://x/p", payload=asker.m1))
        m3, paired = asker.answer(answer.payload)
        answer = await self.send(aiocoap.Message(code=aiocoap.POST, uri="coap://x/p", payload=m3))
        assert answer.code is aiocoap.CHANGED
        self.keys = Keys(paired.secret, paired.salt, paired.sender_id, paired.recipient_id)

    async def get(self, path):
        request = aiocoap.Message(code=aiocoap.GET, uri=f"coap://x/{path}")
        sealed, asked = self.keys.protect(request)
        sealed.opt.uri_host = None
        answer = await self.send(sealed)
        return self.keys.unprotect(answer, asked)[0] if answer.opt.oscore is not None else answer


def test_a_token_service_pairs_and_reads_through_the_hub_which_never_holds_its_key(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake, Service(it.coap, "fake-1") as bank:
            await add(it, fake)
            await settled(it, fake)
            fake.opened = True
            await bank.pair(fake.code)
            assert fake.peers["bank"][0] == TOKENS == ROLES["token-service"]
            answer = await bank.get("d")
            assert answer.code is aiocoap.CONTENT and cbor2.loads(answer.payload)[0] == "fake-1"
            assert [id for id in it.hub.trust.store.ids()] == ["fake-1"]
            held = {it.hub.trust.get("fake-1").sender_key, it.hub.trust.get("fake-1").recipient_key}
            assert not held & {bank.keys.sender_key, bank.keys.recipient_key}
            assert not [c for c in it.hub.trust._contexts.values() if c.recipient_id == b"\x42"]
            assert not it.hub.relay_context.client_credentials
            assert not any(bank.keys.secret.hex().encode() in file.read_bytes() for file in tmp_path.rglob("*.*"))

    run(test())


def test_what_is_altered_on_the_way_does_not_open(tmp_path, monkeypatch):
    ask = relay.Relay._ask

    async def meddling(self, request, where):
        answer = await ask(self, request, where)
        answer.payload = bytes([answer.payload[0] ^ 1]) + answer.payload[1:]
        return answer

    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake, Service(it.coap, "fake-1") as bank:
            await add(it, fake)
            await settled(it, fake)
            fake.opened = True
            await bank.pair(fake.code)
            monkeypatch.setattr(relay.Relay, "_ask", meddling)
            with pytest.raises(aiocoap.oscore.ProtectionInvalid):
                await bank.get("d")

    run(test())


def test_what_is_not_secured_or_not_known_is_not_handed_on(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake, Service(it.coap, "fake-1") as bank:
            await add(it, fake)
            await settled(it, fake)
            sealed = aiocoap.Message(code=aiocoap.POST, payload=b"x" * 20)
            sealed.opt.oscore = b"\x09\x00\x42"
            cases = [
                (aiocoap.Message(code=aiocoap.GET, uri="coap://x/d"), {}, codes.FORBIDDEN),
                (aiocoap.Message(code=aiocoap.PUT, uri="coap://x/s/power", payload=b"\xf5"), {}, codes.FORBIDDEN),
                (aiocoap.Message(code=aiocoap.GET, uri="coap://x/p"), {}, codes.FORBIDDEN),
                (sealed, {"uri_host": "fake-2"}, codes.NOT_FOUND),
                (sealed, {"uri_host": "127.0.0.1", "uri_port": fake.port}, codes.NOT_FOUND),
                (sealed, {"proxy_scheme": "http"}, codes.PROXYING_NOT_SUPPORTED),
                (sealed, {"uri_host": None}, codes.PROXYING_NOT_SUPPORTED),
                (sealed, {"proxy_scheme": None, "proxy_uri": "coap://fake-1/d"}, codes.PROXYING_NOT_SUPPORTED),
                (sealed, {}, codes.UNAUTHORIZED),  # the device's own word
            ]
            for message, options, code in cases:
                assert (await bank.send(message, **options)).code is code, options

    run(test())


def test_one_that_sleeps_is_said_to_and_for_how_long_and_nobody_asks_too_often(tmp_path):
    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake, Service(it.coap, "fake-1") as bank:
            await add(it, fake)
            await settled(it, fake)
            await fake.report(_3=60_000, _4=True)
            await it.until(lambda device: device["link"] == "asleep")
            sealed = aiocoap.Message(code=aiocoap.POST, payload=b"x" * 20)
            sealed.opt.oscore = b"\x09\x00\x42"
            answer = await bank.send(sealed)
            assert answer.code is codes.SERVICE_UNAVAILABLE and 50 < answer.opt.max_age <= 60
            answers = [(await bank.send(sealed)).code for _ in range(30)]
            assert answers[-1] is codes.TOO_MANY_REQUESTS
            async with Service(it.coap, "fake-1") as other:
                assert (await other.send(sealed)).code is codes.SERVICE_UNAVAILABLE

    run(test())


def test_one_that_is_gone_is_a_timeout_at_the_gateway(tmp_path, monkeypatch):
    class Hasty(relay._Tuning):
        ACK_TIMEOUT = 0.05
        MAX_RETRANSMIT = 1

    monkeypatch.setattr(relay, "_Tuning", Hasty)

    async def test():
        async with hub(tmp_path, plain=False) as it, SecureFake() as fake, Service(it.coap, "fake-1") as bank:
            await add(it, fake)
            await settled(it, fake)
            it.hub.devices["fake-1"].address = f"127.0.0.1:{ports.free()}"
            sealed = aiocoap.Message(code=aiocoap.POST, payload=b"x" * 20)
            sealed.opt.oscore = b"\x09\x00\x42"
            assert (await bank.send(sealed)).code is codes.GATEWAY_TIMEOUT

    run(test())


class Tokens:
    """What is where a token service should be: it takes note, and answers what it is told to."""

    def __init__(self, answer=None):
        self.heard, self.answer, self.port = [], answer, ports.free()

    async def __aenter__(self):
        bind = "127.0.0.1", self.port
        self.context = await aiocoap.Context.create_server_context(self, bind=bind, transports=["udp6"])
        return self

    async def __aexit__(self, *error):
        await self.context.shutdown()

    async def needs_blockwise_assembly(self, request):
        return False

    async def render_to_pipe(self, pipe):
        self.heard.append(pipe.request)
        if self.answer is None:
            await asyncio.Event().wait()
        answer = aiocoap.Message(code=aiocoap.CHANGED, payload=self.answer)
        answer.opt.oscore = b""
        pipe.add_response(answer, is_last=True)


def sealed():
    message = aiocoap.Message(code=aiocoap.POST, payload=b"x" * 280)
    message.opt.oscore = b"\x09\x00\x42"
    return message


def test_what_is_for_the_token_service_goes_there_and_comes_back_as_it_was(tmp_path):
    async def test():
        tokens = Tokens(b"y" * 90)
        at = f"127.0.0.1:{tokens.port}"
        async with tokens, hub(tmp_path, plain=False, tokens_coap=at) as it, Service(it.coap, "tokens") as till:
            answer = await till.send(sealed())
            assert (answer.code, answer.payload, answer.opt.oscore) == (aiocoap.CHANGED, b"y" * 90, b"")
            [heard] = tokens.heard
            assert (heard.code, heard.payload, heard.opt.oscore) == (aiocoap.POST, b"x" * 280, b"\x09\x00\x42")
            assert [option.number for option in heard.opt.option_list()] == [aiocoap.OptionNumber.OSCORE]
            unsealed = aiocoap.Message(code=aiocoap.POST, uri="coap://x/y/auth", payload=b"\xa0")
            pairing = aiocoap.Message(code=aiocoap.POST, uri="coap://x/p", payload=b"\xa0")
            for message in (unsealed, pairing):
                assert (await till.send(message)).code is codes.FORBIDDEN
            long = sealed().copy(payload=b"x" * 1281)
            assert (await till.send(long)).code is codes.REQUEST_ENTITY_TOO_LARGE
            assert len(tokens.heard) == 1
            answers = [(await till.send(sealed())).code for _ in range(30)]
            assert answers[0] is codes.CHANGED and answers[-1] is codes.TOO_MANY_REQUESTS

    run(test())


def test_without_a_token_service_there_is_none_and_a_silent_one_is_a_timeout(tmp_path, monkeypatch):
    class Hasty(relay._Tuning):
        ACK_TIMEOUT = 0.05
        MAX_RETRANSMIT = 1

    monkeypatch.setattr(relay, "_Tuning", Hasty)
    monkeypatch.setattr(relay, "_ANSWER_S", 1.0)

    async def test():
        async with Tokens() as tokens, Service(0, "tokens") as till:
            async with hub(tmp_path / "a", plain=False) as it:
                till.hub_port = it.coap
                answer = await till.send(sealed())
                assert (answer.code, answer.payload) == (codes.NOT_FOUND, b"no token service")
            for port in (ports.free(), tokens.port):  # nobody, and one that says no more than that it has heard
                async with hub(tmp_path / "b", plain=False, tokens_coap=f"127.0.0.1:{port}") as it:
                    till.hub_port = it.coap
                    answer = await till.send(sealed())
                    assert (answer.code, answer.payload) == (codes.GATEWAY_TIMEOUT, b"tokens does not answer")
            assert len(tokens.heard) == 1

    run(test())
