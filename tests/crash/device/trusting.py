"""One life of a device whose peers change: it starts as App does, does one thing, and says what it has. Unix port only,
started by trusted.py with an order as JSON on stdin. What the cipher is used for goes to the host's file `seals`.
"""

import json
import os
import sys

from on_flash import started
from recorder import recording
from tos import (  # noqa: F401  # while the host's files are in reach
    App,
    about,
    announce,
    console,
    hub,
    link,
    net,
    pairing,
    peers,
    provision,
    reader,
    reset,
    roles,
    rules,
    start,
    state,
    trust,
    wifi,
)
from tos.pair import Exchange
from tos.ports.unix import Keystore
from toscore import coap

OWNER = ("laptop", roles.OWNER, b"the owner's secret", b"", b"\x01", b"\x00")
GUEST = ("guest", roles.CONTROL, b"the guest's secret", b"", b"\x01", b"\x02")
NEW = (roles.HUB, "home", b"the new one's secret", b"salt", b"\x01", b"\x03")  # as a pairing gives it
ROW = {0: b"of two devices...", 1: b"", 2: b"\x05", 3: b"\x06", 6: roles.PEER, 7: ["power"], 8: "192.0.2.7:5683"}


class Restart(Exception):
    pass


class Clock:
    def ms(self):
        return 0


class Board:
    NAME = "TRUST"
    uid = bytes(6)
    cause = 0
    clock = Clock()
    features = {}
    pairing = "button"

    def __init__(self, seals):
        self.keystore = Keystore()
        self.aes = recording(seals)

    def rng(self, n):
        return os.urandom(n)

    def restart(self):
        raise Restart

    def services(self):
        return []


def booted(board):
    app = App("trust")
    app.value("power", initial=False, writable=True, keep=True)
    app._bind(board)
    app._boot()
    return app


def seal(app):
    """A message to each of its peers."""
    for peer in app.link.peers.all:
        context = app.link.peers.derive(peer)
        for _ in range(2):
            context.protect_request(coap.GET, [(coap.URI_PATH, b"s")], b"")


def prepare(app):
    for row in (OWNER, GUEST):
        app.link.peers.add(*row)
    app.config.update({"hub": "192.0.2.9:5685"})
    app.set("power", True)
    app.state.save()
    app.rules.replace([])
    seal(app)


def pair(app):
    Exchange(app)._keep(*NEW)


def bring(app):
    trust._bring(app.link.peers, "switch", ROW)


def revoke(app):
    trust._revoke(app.link.peers, "guest", app.link.peers.find("laptop"))


def forget(app):
    try:
        reset.order(app)
    except Restart:
        pass


def return_(app):
    """The keys of before come back."""
    for row in (OWNER, GUEST):
        app.link.peers.add(*row)


def nothing(app):
    pass


def told(app, board):
    """What it has, by the stores themselves where that can be."""
    secrets = {p.name: app.link.peers.row(p.slot)[0].hex() for p in app.link.peers.all}
    return {
        "secret": board.keystore.get("pairing").hex(),
        "peers": [[p.name, p.role, p.paths, p.address, secrets[p.name]] for p in app.link.peers.all],
        "config": app.config.get("hub"),
        "power": app.get("power"),
        "rules": app.rules.record.load(None),
        "mark": board.keystore.get("reset") is not None,
        "codes": [code for code in app.log.counts if code >= 300],
    }


DO = {f.__name__: f for f in (prepare, pair, bring, revoke, forget, nothing)}
DO["return"] = return_


def main(image, seals, do, cut=None, boot_cut=None, fresh=False):
    seals = open(seals, "a")
    medium = started(image, fresh)
    board = Board(seals)
    medium.begins(boot_cut)
    app = booted(board)
    boot_ops = medium.ends()
    found = told(app, board)
    seal(app)
    medium.begins(cut)
    DO[do](app)
    ops = medium.ends()
    if do != "forget":  # which ends in a restart
        seal(app)
    print(json.dumps({"found": found, "ops": ops, "boot_ops": boot_ops}))


main(**json.loads(sys.stdin.readline()))
