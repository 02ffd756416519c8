"""Damaged bodies of /p, /p/<name> and /r into a device: `micropython tests/fuzz/trust_target.py CASES SEED`.

Ends with exit status 1 and the message when anything but TosError is raised, when who has paired is not there any more,
or when somebody else than a peer of that role came.
"""

import json
import random
import sys
from binascii import unhexlify

from driver import died, fail
from mutate import mutated
from test_link import DELETE, GET, POST, PUT
from test_peers import OWNER, WATCH, Paired, Peer
from tos import roles
from tos.pairing import Pairing
from toscore import cbor, coap
from toscore.errors import TosError

ROW = {0: b"sixteen bytes..!", 1: b"salt", 2: b"\x31", 3: b"\x32", 4: None, 6: 6, 7: ["power", "temp"], 8: "h:1"}
BODIES = [cbor.dumps(value) for value in (ROW, ROW, {0: "192.0.2.1:5685"}, {0: ":5685"})]
TELLING = b"\x00\x40\x60\x7f\x80\x9f\xa0\xa8\xbf\xf6\xff"
VALUES = (None, 0, 6, 1.5, True, b"", b"12345678", "text", [], [1], ["power"] * 20, {}, {0: 1}, b"x" * 70)
NAMES = ("new", "owner", "watch", "", "n" * 40, "a/b")

with open("tests/vectors/pairing.json") as f:
    vector = json.load(f)[0]
PAIRING = [unhexlify(vector[name]) for name in ("m1", "m3")]


class Config(dict):
    def update(self, changes):
        for key in changes:
            self[key] = changes[key]

    def watch(self, fn):
        pass


def wrong():
    """A row with something else in one place."""
    row = dict(ROW)
    row[random.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, "x"))] = random.choice(VALUES)
    return cbor.dumps(row)


def main(cases, seed):
    random.seed(seed)
    bench = Paired(OWNER, WATCH)
    app = bench.app
    app.config = Config()
    app.link = bench.link
    pairing = app.pairing = Pairing(app)
    pairing._open(app.clock.ms())
    Peer(bench).begin()
    seal = (bench.link.peers.find("owner").context, None)
    done = came = 0
    for n in range(cases):
        code = random.choice((GET, POST, PUT, PUT, PUT, DELETE))
        path = random.choice(("p", "r", "p/", "p/")) if code != POST else "p"
        body = mutated(random, random.choice(PAIRING if code == POST else BODIES), TELLING)
        if code == PUT and random.randrange(2):
            body = wrong()
        if path == "p/":
            path += random.choice(NAMES)
            if code == DELETE:
                path = "p/new"
        try:
            given = None if code == POST else seal
            answer = pairing.route("192.0.2.9 port 5683", code, b"T", path, [], body, given)
            done += answer[0] in (coap.CHANGED, coap.EMPTY)
        except TosError:
            pass
        except Exception as e:
            died(e, n, seed, code, path, body)
        if pairing._begun is not None:
            pairing._begun._work = None
            pairing._begun._patient_until = 0
        for name, role in (OWNER[:2], WATCH[:2]):
            peer = bench.link.peers.find(name)
            if peer is None or peer.role != role:
                fail("case %d, seed %d: %s is gone" % (n, seed, name))
        others = [peer for peer in bench.link.peers.all if peer.name not in ("owner", "watch")]
        if [peer for peer in others if peer.role != roles.PEER]:
            fail("case %d, seed %d: somebody came with another role" % (n, seed))
        came += bool(others)
        while len(others) > 3:
            bench.link.peers.remove(others.pop().name)
    if done < cases // 200 or came < cases // 50:
        fail("seed %d: only %d did something, and %d brought a peer" % (seed, done, came))


main(int(sys.argv[1]), int(sys.argv[2]))
