"""What a till says through its hub, damaged: the token service answers, or says that it cannot be understood."""

import random
from types import SimpleNamespace

import cbor2
from fuzz.mutate import mutated
from host.tokens.taps import Card
from tosplus.tokens import wire
from tosplus.tokens.authorise import Answer, Till
from tosplus.tokens.reasons import Reason

_TILL = Till("till-1", "CAMPUS", "TILL-1")


def _seeds():
    tap = Card("9999990000000017", bytes(16)).tap(1250)
    auth = {0: bytes(16), 1: bytes.fromhex(f"{tap.number}d29122010000000f"), 2: 1, 3: tap.pdol, 4: tap.aip, 5: tap.atc}
    auth |= {6: tap.ac, 7: tap.ctq, 8: tap.iad, 9: 128}
    number = "01a1ee565e00e6b7b6dae6729e01"
    others = {"/y/reverse": {0: bytes(16), 1: tap.number, 2: 7, 3: bytes(16)}, "/y/void": {0: bytes(16), 1: number}}
    others["/y/refund"] = {0: bytes(16), 1: number, 2: 300}
    return [(path, cbor2.dumps(told)) for path, told in {"/y/auth": auth, **others}.items()]


def fuzz_till(cases, seed):
    rng, seeds = random.Random(seed), _seeds()
    heard = []

    def authorise(till, key, tap):
        tap.check()
        heard.append(tap)
        return Answer(Reason.APPROVED, bytes(4), bytes(8), "1", "123456")

    def once(who, key, asked, work):
        heard.append(asked)
        return True

    service = SimpleNamespace(authorise=authorise, once=once)
    for n in range(cases):
        path, data = rng.choice(seeds)
        damaged = data if n % 100 == 0 else mutated(rng, data)
        try:
            answer = cbor2.loads(wire.answer(service, _TILL, path, damaged))
        except ValueError:
            continue
        assert type(answer[0]) is bool and type(answer[1]) is int
    assert heard
