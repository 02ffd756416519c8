"""What a till says through its hub, damaged: the token service answers, or says that it cannot be understood."""

import asyncio
import random
from types import SimpleNamespace

import aiocoap
import cbor2
from fuzz.mutate import mutated
from fuzz.sealed import OURS, Numbered, datagram, posted, requested, sealed
from host.tokens.taps import Card
from tosplus.link import oscore
from tosplus.reasons import Reason
from tosplus.tokens import coap, wire
from tosplus.tokens.authorise import Answer, Till

_TILL = Till("till-1", "CAMPUS", "TILL-1")


def _seeds():
    tap = Card("9999990000000017", bytes(16)).tap(1250)
    auth = {0: bytes(16), 1: bytes.fromhex(f"{tap.number}d29122010000000f"), 2: 1, 3: tap.pdol, 4: tap.aip, 5: tap.atc}
    auth |= {6: tap.ac, 7: tap.ctq, 8: tap.iad, 9: 128}
    number = "01a1ee565e00e6b7b6dae6729e01"
    others = {"/y/reverse": {0: bytes(16), 1: tap.number, 2: 7, 3: bytes(16)}, "/y/void": {0: bytes(16), 1: number}}
    others["/y/refund"] = {0: bytes(16), 1: number, 2: 300}
    return [(path, cbor2.dumps(told)) for path, told in {"/y/auth": auth, **others}.items()]


def _service(heard):
    """Takes note of what gets through to it."""

    def authorise(till, key, tap):
        tap.check()
        heard.append(tap)
        return Answer(Reason.APPROVED, bytes(4), bytes(8), "1", "123456")

    def once(who, key, asked, work):
        heard.append(asked)
        return True

    return SimpleNamespace(authorise=authorise, once=once)


def fuzz_till(cases, seed):
    rng, seeds = random.Random(seed), _seeds()
    heard = []
    service = _service(heard)
    for n in range(cases):
        path, data = rng.choice(seeds)
        damaged = data if n % 100 == 0 else mutated(rng, data)
        try:
            answer = cbor2.loads(wire.answer(service, _TILL, path, damaged))
        except ValueError:
            continue
        assert type(answer[0]) is bool and type(answer[1]) is int
    assert heard


class _Door(coap.Door):
    """All in one thread."""

    async def _run(self, work, *about):
        return work(*about)


def fuzz_till_sealed(cases, seed):
    """Datagrams into the service's CoAP, damaged before they were sealed or after: each is answered, and nothing is
    done that was altered on the way."""
    asyncio.run(_fuzz_sealed(cases, random.Random(seed)))


async def _fuzz_sealed(cases, rng):
    heard, seeds, codes = [], _seeds(), set()
    service, keys = _service(heard), Numbered()
    service.contexts = SimpleNamespace(by=lambda kid: ("till-1", keys) if kid == OURS.recipient else None)
    service.read = lambda work: _TILL
    door = _Door(service, heard.append)
    for n in range(1, cases + 1):
        path, body = rng.choice(seeds)
        plain = posted(path[1:].split("/"), body)
        inside, outside = rng.choice(((False, False), (True, False), (False, True)))
        whole = datagram(*sealed(n, mutated(rng, plain) if inside else plain))
        before = len(heard)
        if (request := requested(rng, whole, outside)) is None:
            continue
        answer = await door._answer(request)
        assert answer.code.is_response()
        if answer.opt.oscore is None:
            codes.add(answer.code)
            assert len(heard) == before and (inside or outside)
            continue
        asked = oscore.option(request.opt.oscore)
        said = OURS.open(oscore.option(answer.opt.oscore), answer.payload, asked)
        codes.add(aiocoap.Code(said[0]))
        assert inside or len(heard) > before
    assert heard and len(codes) > 5, codes
    door.close()
