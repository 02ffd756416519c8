"""What devices say to the hub, damaged: it answers, or says that it cannot be understood, and is at no fault itself."""

import asyncio
import logging
import random
from types import SimpleNamespace

import aiocoap
import cbor2
from fuzz.mutate import mutated
from fuzz.sealed import OURS, Numbered, datagram, posted, requested, sealed
from tosplus.hub.report import _Door
from tosplus.hub.trust import Trust
from tosplus.link import oscore

_REPORT = cbor2.dumps({0: 7, 1: 12_000, 5: 3})
_RESERVED = (0x20, 0x40, 0x80)  # flags, of which groups use the first; RFC 8613 section 6.1


class _From(SimpleNamespace):
    """An address, as aiocoap has them."""

    is_multicast = is_multicast_locally = False


class _Trust(Trust):
    def __init__(self, keys):
        self._contexts = {"fake-1": keys}


def _hub(keys, heard):
    """Takes note of what gets through to it."""

    async def executed(device, done):
        pass

    device = SimpleNamespace(id="fake-1", address="", paths=lambda: {})
    hub = SimpleNamespace(trust=_Trust(keys), devices={"fake-1": device}, executed=executed)
    hub.heard = hub.move = lambda *about: heard.append(about)
    hub.mailbox = SimpleNamespace(answer=lambda id, indexes: [])
    hub.rollouts = SimpleNamespace(stay_ms=lambda id: 0, bundles=SimpleNamespace(data=lambda name: None))
    return hub


def fuzz_hub(cases, seed):
    """Datagrams under a device's key, damaged before they were sealed or after."""
    logging.getLogger("coap-server").setLevel(logging.CRITICAL)
    asyncio.run(_fuzz(cases, random.Random(seed)))


async def _fuzz(cases, rng):
    heard, codes = [], set()
    door = _Door(_hub(Numbered(), heard), False, None)
    for n in range(1, cases + 1):
        plain = posted(["r"], _REPORT)
        inside, outside, flagged = rng.choice(((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)))
        option, text = sealed(n, mutated(rng, plain) if inside else plain)
        if flagged:
            option = bytes([option[0] | rng.choice(_RESERVED)]) + option[1:]
        if (request := requested(rng, datagram(option, text), outside)) is None:
            continue
        request.remote = _From(scheme="coap", hostinfo=f"[::1]:{1 + n % 60_000}", hostinfo_local="[::1]:5685")
        before = len(heard)
        answer = await _answer(door, request)
        if answer is None:
            assert request.mtype is not aiocoap.CON and (inside or outside)
            continue
        assert answer.code is not aiocoap.INTERNAL_SERVER_ERROR, request
        assert not flagged or answer.code is aiocoap.BAD_OPTION
        if answer.opt.oscore is None:
            codes.add(answer.code)
            assert len(heard) == before and (inside or outside or flagged)
            continue
        said = OURS.open(oscore.option(answer.opt.oscore), answer.payload, oscore.option(request.opt.oscore))
        codes.add(aiocoap.Code(said[0]))
        assert aiocoap.Code(said[0]) is not aiocoap.INTERNAL_SERVER_ERROR, plain
        assert inside or len(heard) > before
    assert heard and len(codes) > 3, codes


class _Pipe:
    """What aiocoap's context has for a request; answer: None is silence."""

    def __init__(self, request):
        self.request, self.answer = request, None

    def add_response(self, answer, is_last=False):
        self.answer = answer


async def _answer(door, request):
    pipe = _Pipe(request)
    try:
        await door.render_to_pipe(pipe)
    except aiocoap.error.RenderableError as e:
        return e.to_message()
    return pipe.answer
