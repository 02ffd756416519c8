"""Fuzzing the link on the Unix port, and the CoAP decoder against aiocoap's on CPython."""

import os
import random
import subprocess
import tempfile

import aiocoap
import aiocoap.error
from toscore import coap
from toscore.errors import WireError
from tosplus.paths import ROOT
from tosplus.sim.process import micropython

MICROPYPATH = "lib:firmware:tests/unit:tests/device:.frozen"


def fuzz_link(cases, seed):
    """Datagrams into a whole device: no exception, bounded memory, and it still answers."""
    _run("link_target.py", cases, seed)


def fuzz_fetch(cases, seed):
    """Answers to a fetch: no exception, bounded memory, and what it hands on is in order."""
    _run("fetch_target.py", cases, seed)


def fuzz_oscore(cases, seed):
    """Secured messages, damaged before or after they are sealed: refused, in bounded memory."""
    _run("oscore_target.py", cases, seed)


def fuzz_secured(cases, seed):
    """Secured datagrams into a whole device, damaged before or after they are sealed: as fuzz_link."""
    _run("secured_target.py", cases, seed)


def fuzz_pairing(cases, seed):
    """Messages of pairings into a device: refused, nobody becomes a peer, in bounded memory."""
    _run("pairing_target.py", cases, seed)


def fuzz_trust(cases, seed):
    """Bodies of /p and /r: refused, and who has paired stays."""
    _run("trust_target.py", cases, seed)


def fuzz_mdns(cases, seed):
    """Packets of multicast DNS: refused or read, in bounded time and memory, with a bounded number of answers."""
    _run("mdns_target.py", cases, seed)


def fuzz_improv(cases, seed):
    """Bytes into a device's serial port: no exception but Ctrl-C's, bounded memory, and it still answers."""
    _run("improv_target.py", cases, seed)


def fuzz_improv_ble(cases, seed):
    """What phones write, cut and damaged: no exception, bounded memory, whole answers, and it still answers."""
    _run("improv_ble_target.py", cases, seed)


def fuzz_ota(cases, seed):
    """Manifests and patches of updates, damaged though signed: refused, or what a slot can take, in bounded memory."""
    _run("ota_target.py", cases, seed)


def fuzz_portal(cases, seed):
    """What comes to a captive portal, and Wi-Fi records of tags: refused or read, in bounded time and memory."""
    _run("portal_target.py", cases, seed)


def fuzz_pn532(cases, seed):
    """What a PN532 says to its driver, damaged: a lost field or an error, in bounded memory, and it works again."""
    _run("pn532_target.py", cases, seed)


def fuzz_card(cases, seed):
    """Commands into a payment card, and bytes as data objects: status words, and no cryptogram without a counter."""
    _run("card_target.py", cases, seed)


def fuzz_counter(cases, seed):
    """Terms, a card's answers and a service's into a till: none is believed that is not whole."""
    _run("counter_target.py", cases, seed)


def _run(target, cases, seed):
    """In a folder of its own: devices under test keep their records in the current one."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("lib", "firmware", "tests"):
            os.symlink(ROOT / name, f"{folder}/{name}")
        done = subprocess.run(
            [micropython(), f"tests/fuzz/{target}", str(cases), str(seed)],
            env={**os.environ, "MICROPYPATH": MICROPYPATH},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # what nobody catches is told on stdout
            text=True,
        )
    assert done.returncode == 0, done.stdout[-2000:]


def ours(data):
    try:
        kind, code, mid, token, options, payload = coap.decode(data)
    except WireError:
        return None
    return kind, code, mid, token, options, payload


def theirs(data):
    try:
        message = aiocoap.Message.decode(data)
    except (aiocoap.error.UnparsableMessage, ValueError):
        return None
    options = [(int(option.number), option.encode()) for option in message.opt.option_list()]
    return int(message.mtype), int(message.code), message.mid, message.token, options, message.payload


def fuzz_coap(cases, seed):
    """What we decode, aiocoap decodes to the same; what aiocoap writes, we read."""
    rng = random.Random(seed)
    accepted = 0
    for _ in range(cases):
        token = rng.randbytes(rng.randint(0, 8))
        # Opaque options only: aiocoap writes others back in their shortest form.
        numbers = sorted(rng.choice((1, 4, 11, 65000, 2048, 300)) for _ in range(rng.randint(0, 5)))
        options = [(n, bytes(rng.choice(b"abcdefgh") for _ in range(rng.choice((1, 5, 8))))) for n in numbers]
        payload = rng.randbytes(rng.randint(0, 20))
        code = rng.choice((1, 2, 3, 65, 68, 69, 132))
        data = coap.encode(rng.randrange(4), code, rng.randrange(65536), token, options, payload)
        assert ours(data) == theirs(data), (seed, data.hex())
        broken = bytearray(data)
        broken[rng.randrange(len(broken))] = rng.randrange(256)
        broken = bytes(broken[: rng.randint(0, len(broken))])
        mine, other = ours(broken), theirs(broken)
        if mine is not None:
            assert ours(coap.encode(*mine)) == mine, (seed, broken.hex())
            # Each rejects what the other accepts here and there: aiocoap judges the values of options that it knows, we
            # the framing (tests/unit/test_coap.py). What both accept must be the same message.
            if other is not None:
                accepted += 1
                assert other[:4] == mine[:4] and other[5] == mine[5], (seed, broken.hex())
    assert accepted > cases // 20
