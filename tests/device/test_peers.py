"""Peers: secured requests on a bench board, by a client of our own modules. aiocoap's is in tests/host. Unix port."""

import io
import sys

import cryptolib
from helpers import raises
from rig import Keystore, fresh
from test_link import GET, PUT, Bench
from tos import about, roles
from tos.peers import MOST, Peers
from tos.store import Record
from toscore import coap
from toscore import oscore_kernel_viper as kernel
from toscore.errors import AuthError, Busy, StoreError
from toscore.oscore import Context
from toscore.sequence import Notifications, Reserve

SECRET = b"SixteenSecretOnes"
SALT = b"salty"
OWNER = ("owner", roles.OWNER, SECRET, SALT, b"\x01", b"\x00")
WATCH = ("watch", roles.CONTROL, b"another 16 bytes", b"", b"\x01", b"\x02")
POWER = [(coap.URI_PATH, b"s"), (coap.URI_PATH, b"power")]
CORE = [(coap.URI_PATH, b".well-known"), (coap.URI_PATH, b"core")]


class Paired(Bench):
    """A bench whose link has peers."""

    def __init__(self, *rows, sent="sent", app=None, features=None):
        super().__init__(app, plain=False, features=features)
        self.sent = fresh(sent)
        self.link.peers = self.peers()
        for row in rows or (OWNER,):
            self.link.peers.add(*row)

    def peers(self):
        return Peers(self.app, self.link, self.sent)

    def reboot(self):
        """The link's memory is gone, its stores are not."""
        keystore, self.board.keystore = self.board.keystore, Keystore()
        self.link.__init__(self.app)
        self.board.keystore = keystore
        self.link._udp = self.udp
        self.link.peers = self.peers()


class Peer:
    """The other side of a row. secured(...) -> (code, options, payload) in the clear, what an error says included."""

    def __init__(self, bench, row=OWNER, start=0, address="peer"):
        self.bench = bench
        _, _, secret, salt, sender_id, recipient_id = row
        reserve = Reserve(start, lambda n: None)
        self.context = Context(cryptolib.aes, kernel, secret, salt, recipient_id, sender_id, reserve.next)
        self.address = address
        self.request = None

    def datagram(self, code, options, payload=b"", token=b"T", kind=coap.CON):
        self.bench.mid += 1
        *sealed, self.request = self.context.protect_request(code, options, payload)
        return coap.encode(kind, sealed[0], self.bench.mid, token, sealed[1], sealed[2])

    def opened(self, datagram, came=None):
        _, code, _, _, options, payload = coap.decode(datagram)
        if coap.option(options, 9) is None:
            return code, options, payload
        code, options, payload = self.context.unprotect_response(self.request, options, payload, came)
        return code, options, bytes(payload)

    def ask(self, code, options, payload=b"", came=None, token=b"T"):
        (sent,) = self.bench.raw(self.datagram(code, options, payload, token), self.address)
        return self.opened(sent, came)

    def begin(self):
        """Through the Echo that a started device wants to see."""
        code, options, _ = self.ask(GET, POWER)
        assert code == coap.UNAUTHORIZED
        code, _, _ = self.ask(GET, POWER + [(coap.ECHO, bytes(coap.option(options, coap.ECHO)))])
        assert code == coap.CONTENT
        return self


def test_a_peer_reads_and_writes_and_is_the_origin():
    bench = Paired()
    owner = Peer(bench).begin()
    origins = []
    write = bench.app.set
    bench.app.set = lambda path, value, origin: (origins.append(origin), write(path, value, origin))
    form = [(coap.CONTENT_FORMAT, b"\x3c")]
    assert owner.ask(PUT, POWER + form, b"\xf5")[0] == coap.CHANGED
    assert origins == ["link/owner"] and bench.app.get("power") is True
    code, options, payload = owner.ask(GET, POWER)
    assert (code, payload) == (coap.CONTENT, b"\xf5") and bytes(coap.option(options, coap.CONTENT_FORMAT)) == b"\x3c"
    assert owner.ask(PUT, POWER + form, b"\x01") == (128, [], b"334 power")
    assert owner.ask(GET, [(coap.URI_PATH, b"nope")]) == (132, [], b"331 nope")


def test_nothing_of_an_answer_is_in_the_clear():
    bench = Paired()
    owner = Peer(bench).begin()
    (sent,) = bench.raw(owner.datagram(GET, [(coap.URI_PATH, b"nope")]), "peer")
    _, code, _, _, options, payload = coap.decode(sent)
    assert code == coap.CHANGED and options == [(9, b"")] and b"nope" not in payload


def test_with_a_peer_plain_requests_are_refused_but_for_the_list():
    bench = Paired()
    for code, path in ((GET, "d"), (GET, "s"), (GET, "s/temp"), (PUT, "s/power"), (GET, "nope"), (PUT, "b")):
        assert bench.ask(code, path) == ("4.01", ("356 " + path).encode())
    assert bench.ask(GET, ".well-known/core")[0] == "2.05"
    bench.link.peers.remove("owner")
    assert bench.ask(GET, "s/temp")[0] == "4.01"


def test_a_device_that_was_started_plain_answers_both():
    bench = Paired()
    bench.link.peers._is_plain = True
    assert bench.ask(GET, "s/temp")[0] == "2.05"
    assert Peer(bench).begin().ask(GET, POWER)[0] == coap.CONTENT


def test_rfc8613_section_8_2_errors_before_there_is_a_context():
    bench = Paired()
    owner = Peer(bench).begin()
    for who, answer in (
        (Peer(bench, OWNER[:5] + (b"\x07",)), (129, b"352 Security context not found")),
        (Peer(bench, ("", "", b"of somebody else", SALT, b"\x01", b"\x00"), 500), (128, b"354 Decryption failed")),
        (Peer(bench), (129, b"353 Replay detected")),
    ):
        code, options, payload = who.ask(GET, POWER)
        assert (code, payload) == answer and coap.option(options, coap.MAX_AGE) == b""
    (sent,) = bench.raw(coap.encode(coap.CON, 2, 9999, b"T", [(9, b"\xff")], b"x" * 20), "peer")
    assert coap.decode(sent)[1] == 130 and sent.endswith(b"351 Failed to decode COSE")
    assert owner.ask(GET, POWER)[0] == coap.CONTENT


def test_a_datagram_that_comes_twice_is_answered_as_it_was_and_a_recording_is_refused():
    bench = Paired()
    owner = Peer(bench).begin()
    form = [(coap.CONTENT_FORMAT, b"\x3c")]
    put = owner.datagram(PUT, POWER + form, b"\xf5")
    first = bench.raw(put, "peer")
    bench.app.set("power", False)
    assert bench.raw(put, "peer") == first and bench.app.get("power") is False
    (again,) = bench.raw(put, "somewhere else")
    assert again.endswith(b"353 Replay detected") and bench.app.get("power") is False
    bench.reboot()
    (again,) = bench.raw(put, "peer")  # it is authentic, and yet nobody knows when it was sent
    owner.request = coap.option(coap.decode(put)[4], 9)
    code, options, _ = owner.opened(again)
    assert code == coap.UNAUTHORIZED and coap.option(options, coap.ECHO) is not None
    assert bench.app.get("power") is False
    (again,) = bench.raw(put, "somewhere else")
    assert again.endswith(b"353 Replay detected") and bench.app.get("power") is False


def test_an_observer_hears_with_the_context_that_it_asked_with():
    bench = Paired(OWNER, WATCH)
    owner, watch = Peer(bench).begin(), Peer(bench, WATCH, address="watch").begin()
    heard = []
    for peer in (owner, watch):
        came = Notifications()
        code, options, _ = peer.ask(GET, [(coap.OBSERVE, b"")] + POWER, came=came)
        assert code == coap.CONTENT and coap.option(options, coap.OBSERVE) is not None
        heard.append((peer, peer.request, came))
    for on in (True, False, True):
        bench.app.set("power", on)
        sent = bench.notified()
        assert len(sent) == 2
        for (peer, request, came), datagram in zip(heard, sent):
            peer.request = request
            code, _, payload = peer.opened(datagram, came)
            assert (code, payload) == (coap.CONTENT, b"\xf5" if on else b"\xf4")
            raises(AuthError, peer.opened, datagram, came)
    assert owner.ask(GET, [(coap.OBSERVE, b"\x01")] + POWER)[0] == coap.CONTENT
    bench.app.set("power", False)
    assert len(bench.notified()) == 1
    bench.link.peers.remove("watch")
    bench.app.set("power", True)
    assert bench.notified() == []


def test_blocks_both_ways_are_inside_and_of_one_context():
    hub = WATCH[:1] + (roles.HUB,) + WATCH[2:]
    bench = Paired(OWNER, hub)
    owner, watch = Peer(bench).begin(), Peer(bench, hub).begin()
    body = b""
    for number in range(20):
        code, options, payload = owner.ask(GET, [(coap.URI_PATH, b"d"), (coap.BLOCK2, coap.uint_bytes(number << 4))])
        assert code == coap.CONTENT
        body += payload
        if not coap.uint(coap.option(options, coap.BLOCK2)) & 8:
            break
    assert body == about.body(bench.app, "d")
    form = [(coap.CONTENT_FORMAT, b"\x3c")]
    path, second = [(coap.URI_PATH, b"b")] + form, [(coap.BLOCK1, b"\x10")]
    text = b"\x81\xa4\x00\x00\x01\xfb\x40\x58\x80\x00\x00\x00\x00\x00\x04\x01\x05\xf4"  # above 98.0: 18 bytes
    assert owner.ask(PUT, path + [(coap.BLOCK1, b"\x08")], text[:16])[0] == coap.CONTINUE
    # The same address, another context: it is another's transfer.
    assert watch.ask(PUT, path + second, text[16:])[0] == coap.INCOMPLETE
    code, options, _ = owner.ask(PUT, path + second, text[16:])
    assert code == coap.CHANGED and len(bench.app.rules.rows()) == 1


def test_four_boots_with_150_notifications_each_repeat_no_number_and_write_little():
    bench = Paired()
    seen = set()
    start = 0
    for _ in range(4):
        owner = Peer(bench, start=start)
        owner.begin()
        came = Notifications()
        owner.ask(GET, [(coap.OBSERVE, b"")] + POWER, came=came)
        puts = bench.board.keystore.puts
        for _ in range(150):
            bench.app.set("power", not bench.app.get("power"))
            (sent,) = bench.notified()
            own = coap.option(coap.decode(sent)[4], 9)
            assert own not in seen
            seen.add(own)
            bench.raw(b"\x60\x00" + sent[2:4])
        assert 1 <= bench.board.keystore.puts - puts <= 2
        start += 1000
        bench.reboot()
    assert len(seen) == 600


# What is stored


def test_peers_are_there_after_a_restart_and_gone_once_removed():
    bench = Paired(OWNER, WATCH)
    bench.reboot()
    assert sorted([(p.name, p.role) for p in bench.link.peers.all]) == [row[:2] for row in (OWNER, WATCH)]
    Peer(bench, start=100).begin()
    bench.link.peers.remove("owner")
    bench.link.peers.remove("nobody")
    bench.reboot()
    assert [p.name for p in bench.link.peers.all] == ["watch"]
    assert Peer(bench, start=200).ask(GET, POWER)[2] == b"352 Security context not found"


def test_a_peer_takes_the_place_of_its_name_and_of_its_ids():
    bench = Paired(OWNER, WATCH)
    puts = bench.board.keystore.puts
    bench.link.peers.add(*OWNER)
    assert bench.board.keystore.puts == puts  # nothing new
    bench.link.peers.add("owner", roles.OWNER, SECRET, SALT, b"\x01", b"\x02")  # the name of one, the ids of the other
    assert [p.name for p in bench.link.peers.all] == ["owner"]
    bench.reboot()
    assert [p.recipient_id for p in bench.link.peers.all] == [b"\x02"]


def test_peers_are_bounded():
    bench = Paired()
    for n in range(1, MOST):
        bench.link.peers.add("peer %d" % n, roles.PEER, SECRET, SALT, b"\xff", bytes((n,)))
    raises(Busy, bench.link.peers.add, "one more", roles.PEER, SECRET, SALT, b"\xff", b"\x77")
    bench.link.peers.add("peer 3", roles.PEER, SECRET, b"other", b"\xff", b"\x03")
    assert len(bench.link.peers.all) == MOST
    bench.reboot()
    assert len(bench.link.peers.all) == MOST


def test_what_cannot_be_a_peer():
    peers = Paired().link.peers
    for row in (
        ("", roles.PEER, SECRET, SALT, b"\x01", b"\x00"),
        ("x" * 33, roles.PEER, SECRET, SALT, b"\x01", b"\x00"),
        ("x", roles.PEER, b"short", SALT, b"\x01", b"\x00"),
        ("x", roles.PEER, SECRET, SALT, b"\x00", b"\x00"),
        ("x", roles.PEER, SECRET, SALT, b"\x01" * 8, b"\x00"),
        ("x", roles.PEER, SECRET, SALT, b"\x01", b"\x00", b"n" * 24),
    ):
        raises(ValueError, peers.add, *row)
    assert [p.name for p in peers.all] == ["owner"]


def test_the_counter_is_the_higher_of_its_two_copies_and_without_either_nothing_is_sent():
    for keystore, record, first in ((0, 512, 512), (512, 0, 512), (256, 512, 512), (512, 128, 512), (0, 0, None)):
        bench = Paired()
        bench.board.keystore.erase("sent")
        Record(bench.sent).erase()
        if keystore:
            bench.board.keystore.put("sent", keystore.to_bytes(6, "big"))
        if record:
            Record(bench.sent).save(record)
        bench.reboot()
        if first:
            assert bench.link.peers._next() == first
            assert Record(bench.sent).load() == first + 128
        else:
            raises(StoreError, bench.link.peers._next)
            code, _, payload = Peer(bench).ask(GET, POWER)
            assert (code, payload) == (160, b"424")


def test_a_peer_that_cannot_be_read_is_logged_and_the_others_stay():
    bench = Paired(OWNER, WATCH)
    bench.board.keystore.put("peer0", b"\x9f")
    bench.reboot()
    assert [p.name for p in bench.link.peers.all] == ["watch"] and bench.app.log.counts[423] == 1


def test_no_secret_is_shown():
    bench = Paired(OWNER, WATCH)
    owner = Peer(bench).begin()
    owner.ask(GET, [(coap.URI_PATH, b"l")])
    shown = io.StringIO()
    for thing in (bench.link.peers, bench.link.peers.all, bench.link.peers.all[0].context, bench.app.log.entries()):
        print(thing, repr(thing), file=shown)
    for wrong in (
        lambda: bench.link.peers.add("x", roles.PEER, SECRET, SALT, b"\x01", b"\x01"),
        lambda: bench.link.peers.add("x", roles.PEER, SECRET, SALT, b"\x01", 5),
        lambda: bench.link.peers.add("x" * 99, roles.PEER, SECRET, SALT, b"\x01", b"\x02"),
    ):
        try:
            wrong()
        except Exception as e:
            sys.print_exception(e, shown)
            print(repr(e), e.args, file=shown)
    text = shown.getvalue()
    for secret in (SECRET, WATCH[2]):
        assert secret.decode() not in text and secret.hex() not in text


def test_without_peers_a_plain_device_does_not_load_the_code():
    bench = Bench()
    assert bench.link.peers is None
    assert bench.raw(coap.encode(coap.CON, 2, 7, b"T", [(9, b"\x09\x00")], b"x" * 20))[0][1] == coap.BAD_OPTION
    bench.board.keystore.put("peer3", b"\x9f")  # even if it cannot be read
    bench.link.__init__(bench.app)
    assert bench.link.peers is not None
    bench = Bench(plain=False)
    assert bench.link.peers is not None and bench.ask(GET, "d")[0] == "4.01"
