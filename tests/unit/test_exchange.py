"""The CoAP message layer, RFC 7252 section 4: a scripted peer against the sans-I/O machine. Both interpreters."""

from helpers import raises
from toscore import coap
from toscore.errors import WireError
from toscore.exchange import Exchange

PEER = ("192.0.2.1", 5683)
OTHER = ("192.0.2.2", 5683)


class Server:
    """Counts what it was asked; answers 2.05 "n"."""

    def __init__(self):
        self.asked = 0
        self.resets = []
        self.exchange = Exchange(self.answer, lambda n: b"\x80" * n, self.reset)

    def answer(self, peer, code, token, options, payload):
        self.asked += 1
        return coap.CONTENT, (), b"%d" % self.asked

    def reset(self, peer, mid):
        self.resets.append((peer, mid))

    def take(self):
        out = [(peer, coap.decode(data)) for peer, data in self.exchange.out]
        self.exchange.out.clear()
        return out

    def hears(self, now, *message, peer=PEER):
        self.exchange.receive(now, peer, coap.encode(*message))
        return [message for _, message in self.take()]


def test_a_confirmable_request_is_answered_in_its_acknowledgement():
    assert Server().hears(0, coap.CON, coap.GET, 5, b"t") == [(coap.ACK, coap.CONTENT, 5, b"t", [], b"1")]


def test_a_non_confirmable_request_is_answered_non_confirmable_with_our_own_message_id():
    kind, code, mid, token, _, payload = Server().hears(0, coap.NON, coap.GET, 5, b"t")[0]
    assert (kind, code, token, payload) == (coap.NON, coap.CONTENT, b"t", b"1")
    assert mid != 5


def test_a_repeated_put_is_done_once_and_answered_the_same():
    server = Server()
    first = server.hears(0, coap.CON, coap.PUT, 5, b"t")
    assert server.hears(1000, coap.CON, coap.PUT, 5, b"t") == first
    assert server.asked == 1


def test_a_stream_of_what_is_not_confirmable_makes_no_repeated_put_be_done_twice():
    server = Server()
    first = server.hears(0, coap.CON, coap.PUT, 5, b"t")
    for n in range(100):
        assert len(server.hears(n, coap.NON, coap.PUT, 100 + n, b"t", peer=OTHER)) == 1
    assert server.hears(2000, coap.CON, coap.PUT, 5, b"t") == first and server.asked == 101
    assert server.hears(2000, coap.NON, coap.PUT, 199, b"t", peer=OTHER) == [] and server.asked == 101


def test_a_repeated_non_confirmable_put_is_done_once_and_not_answered_again():
    server = Server()
    assert len(server.hears(0, coap.NON, coap.PUT, 5, b"t")) == 1
    assert server.hears(1000, coap.NON, coap.PUT, 5, b"t") == []
    assert server.asked == 1


def test_a_message_id_means_something_new_from_another_peer_and_after_the_exchange_lifetime():
    server = Server()
    server.hears(0, coap.CON, coap.PUT, 5)
    server.hears(0, coap.CON, coap.PUT, 5, peer=OTHER)
    assert server.asked == 2
    server.hears(246999, coap.CON, coap.PUT, 5)
    assert server.asked == 2
    server.hears(247001, coap.CON, coap.PUT, 5)
    assert server.asked == 3


def test_a_repeated_get_is_answered_afresh():
    server = Server()
    server.hears(0, coap.CON, coap.GET, 5)
    assert server.hears(0, coap.CON, coap.GET, 5)[0][5] == b"2"


def test_what_is_remembered_is_bounded():
    server = Server()
    for mid in range(1000):
        server.hears(0, coap.CON, coap.PUT, mid)
    assert len(server.exchange._seen) == 32


def test_a_ping_is_reset():
    assert Server().hears(0, coap.CON, coap.EMPTY, 77) == [(coap.RST, coap.EMPTY, 77, b"", [], b"")]


def test_a_reserved_code_class_is_reset_when_confirmable_and_ignored_otherwise():
    assert Server().hears(0, coap.CON, 0x21, 3) == [(coap.RST, coap.EMPTY, 3, b"", [], b"")]
    assert Server().hears(0, coap.NON, 0x21, 3) == []


def test_a_malformed_confirmable_is_reset_and_a_malformed_non_confirmable_ignored():
    server = Server()
    raises(WireError, server.exchange.receive, 0, PEER, b"\x40\x01\x00\x09\xff")
    assert server.take() == [(PEER, (coap.RST, coap.EMPTY, 9, b"", [], b""))]
    raises(WireError, server.exchange.receive, 0, PEER, b"\x50\x01\x00\x09\xff")
    assert server.take() == []


def test_an_answer_nobody_asked_for_is_reset_when_confirmable():
    assert Server().hears(0, coap.CON, coap.CONTENT, 3, b"x") == [(coap.RST, coap.EMPTY, 3, b"", [], b"")]
    assert Server().hears(0, coap.NON, coap.CONTENT, 3, b"x") == []


def test_a_request_in_an_acknowledgement_is_ignored():
    server = Server()
    assert server.hears(0, coap.ACK, coap.GET, 3) == []
    assert server.asked == 0


def asks(server, now=0, confirmable=True):
    """The server asks PEER; returns (its message, the list that collects answers)."""
    answers = []

    def done(code, options, payload):
        answers.append((code, payload))

    server.exchange.request(now, PEER, coap.GET, [(11, b"d")], b"", done, confirmable)
    return server.take()[0][1], answers


def test_our_request_and_its_piggybacked_answer():
    server = Server()
    (kind, code, mid, token, options, _), answers = asks(server)
    assert (kind, code, len(token), options) == (coap.CON, coap.GET, 4, [(11, b"d")])
    server.hears(10, coap.ACK, coap.CONTENT, mid, token, (), b"yes")
    assert answers == [(coap.CONTENT, b"yes")]
    assert server.exchange.tick(1000000) is None


def test_a_separate_answer_settles_a_request_whose_acknowledgement_was_lost():
    server = Server()
    (_, _, _, token, _, _), answers = asks(server)
    server.hears(99, coap.CON, coap.CONTENT, 444, token, (), b"late")
    assert server.exchange.tick(5000) is None and server.take() == []
    assert answers == [(coap.CONTENT, b"late")]


def test_our_request_and_its_separate_answer_which_we_acknowledge():
    server = Server()
    (_, _, mid, token, _, _), answers = asks(server)
    assert server.hears(10, coap.ACK, coap.EMPTY, mid) == []
    assert server.hears(99, coap.CON, coap.CONTENT, 444, token, (), b"late") == [(coap.ACK, 0, 444, b"", [], b"")]
    assert answers == [(coap.CONTENT, b"late")]


def test_an_answer_from_someone_else_or_with_another_token_is_not_ours():
    server = Server()
    (_, _, mid, token, _, _), answers = asks(server)
    server.hears(10, coap.ACK, coap.CONTENT, mid, token, (), b"no", peer=OTHER)
    server.hears(10, coap.ACK, coap.CONTENT, mid, b"zzzz", (), b"no")
    assert answers == []


def test_retransmission_doubles_and_gives_up_after_four_times():
    server = Server()
    message, answers = asks(server)
    sent = []
    now = 0
    while True:
        wait = server.exchange.tick(now)
        sent += [(now, m) for _, m in server.take()]
        if wait is None:
            break
        now += wait
    timeout = sent[0][0]
    assert 2000 <= timeout <= 3000  # ACK_TIMEOUT to ACK_TIMEOUT * ACK_RANDOM_FACTOR
    assert sent == [(timeout, message), (3 * timeout, message), (7 * timeout, message), (15 * timeout, message)]
    assert now == 31 * timeout and answers == [(None, b"")]


def test_a_reset_ends_our_request():
    server = Server()
    (_, _, mid, _, _, _), answers = asks(server)
    server.hears(5, coap.RST, coap.EMPTY, mid)
    assert answers == [(None, b"")]
    assert server.resets == [(PEER, mid)]


def test_a_non_confirmable_request_is_sent_once_and_expires():
    server = Server()
    _, answers = asks(server, confirmable=False)
    assert server.exchange.tick(0) == 247000
    assert server.exchange.tick(247000) is None
    assert server.take() == [] and answers == [(None, b"")]


def notify(server, settled, now=0, peer=PEER):
    return server.exchange.respond(now, peer, coap.CONTENT, b"ob", [(6, b"\x02")], b"v", True, settled)


def test_a_confirmable_notification_says_whether_it_arrived():
    server = Server()
    settled = []
    mid = notify(server, settled.append)
    assert server.take()[0][1] == (coap.CON, coap.CONTENT, mid, b"ob", [(6, b"\x02")], b"v")
    server.hears(1, coap.ACK, coap.EMPTY, mid, peer=OTHER)
    assert settled == []
    server.hears(1, coap.ACK, coap.EMPTY, mid)
    assert settled == [True]
    mid = notify(server, settled.append)
    server.hears(1, coap.RST, coap.EMPTY, mid)
    assert settled == [True, False] and server.resets == [(PEER, mid)]


def test_confirmables_under_way_are_bounded():
    server = Server()
    settled = []
    for _ in range(40):
        notify(server, settled.append)
    assert settled == [False] * 8 and len(server.take()) == 1


def test_rfc7252_section_4_7_a_peer_gets_its_confirmables_one_by_one():
    server = Server()
    settled = []
    mids = [notify(server, settled.append) for _ in range(3)]
    other = notify(server, settled.append, peer=OTHER)
    assert [(peer, m[2]) for peer, m in server.take()] == [(PEER, mids[0]), (OTHER, other)]
    assert server.hears(100, coap.ACK, coap.EMPTY, mids[0])[0][2] == mids[1]
    assert server.hears(5000, coap.RST, coap.EMPTY, mids[1])[0][2] == mids[2]
    assert settled == [True, False]
    server.exchange.tick(7500)
    assert [peer for peer, _ in server.take()] == [OTHER]
    server.exchange.tick(7501)  # its own time-out counts from when it was sent
    assert [m[2] for _, m in server.take()] == [mids[2]]


def test_what_waits_behind_a_peer_that_is_gone_is_given_up_with_it():
    server = Server()
    settled = []
    for _ in range(3):
        notify(server, settled.append)
    now = wait = 0
    while wait is not None:
        now += wait
        wait = server.exchange.tick(now)
    assert settled == [False] * 3 and now == 31 * 2501 and len(server.take()) == 5


def test_a_cancelled_request_is_neither_repeated_nor_answered():
    server = Server()
    answers = []
    ask = server.exchange.request
    token = ask(0, PEER, coap.GET, (), b"", lambda *answer: answers.append(answer))
    server.exchange.cancel(1, PEER, token)
    server.exchange.cancel(1, PEER, token)
    assert server.exchange.tick(1) is None and len(server.take()) == 1
    server.hears(2, coap.NON, coap.CONTENT, 9, token)
    assert answers == []


def test_a_separate_answer_whose_acknowledgement_was_lost_is_acknowledged_again():
    server = Server()
    (_, _, mid, token, _, _), answers = asks(server)
    first = server.hears(10, coap.CON, coap.CONTENT, 444, token, (), b"late")
    assert server.hears(3000, coap.CON, coap.CONTENT, 444, token, (), b"late") == first
    assert first == [(coap.ACK, 0, 444, b"", [], b"")] and answers == [(coap.CONTENT, b"late")]


def test_a_separate_answer_may_be_non_confirmable_and_overtake_the_acknowledgement():
    server = Server()
    (_, _, mid, token, _, _), answers = asks(server)
    assert server.hears(10, coap.NON, coap.CONTENT, 444, token, (), b"soon") == []
    assert server.hears(11, coap.ACK, coap.EMPTY, mid) == []
    assert server.exchange.tick(5000) is None and answers == [(coap.CONTENT, b"soon")]


def test_an_acknowledged_request_that_is_never_answered_expires():
    server = Server()
    (_, _, mid, _, _, _), answers = asks(server)
    server.hears(10, coap.ACK, coap.EMPTY, mid)
    assert server.exchange.tick(10) == 247000 - 10 and server.take() == [] and answers == []
    assert server.exchange.tick(247000) is None and answers == [(None, b"")]


class Later(Server):
    """Puts every answer off."""

    def answer(self, peer, code, token, options, payload):
        self.asked += 1
        return coap.EMPTY, (), b""


def test_a_handler_that_answers_later_acknowledges_now_and_is_asked_once():
    for method in (coap.GET, coap.PUT):
        server = Later()
        empty = [(coap.ACK, coap.EMPTY, 5, b"", [], b"")]
        assert server.hears(0, coap.CON, method, 5, b"t") == empty
        assert server.hears(2000, coap.CON, method, 5, b"t") == empty and server.asked == 1
        settled = []
        mid = server.exchange.respond(9000, PEER, coap.CHANGED, b"t", (), b"done", True, settled.append)
        assert server.take() == [(PEER, (coap.CON, coap.CHANGED, mid, b"t", [], b"done"))]
        assert server.hears(9001, coap.CON, method, 5, b"t") == empty and server.asked == 1
        server.hears(9100, coap.ACK, coap.EMPTY, mid)
        assert settled == [True]


def test_a_non_confirmable_request_that_is_answered_later_is_not_acknowledged():
    server = Later()
    assert server.hears(0, coap.NON, coap.GET, 5, b"t") == []
    assert server.hears(0, coap.NON, coap.GET, 5, b"t") == [] and server.asked == 1


def test_the_bytes_of_remembered_replies_are_bounded_and_the_latest_stay():
    server = Server()
    server.exchange._handler = lambda *request: (coap.CHANGED, (), bytes(1000))
    for mid in range(10):
        server.hears(0, coap.CON, coap.POST, mid)
    assert [seen[1] for seen in server.exchange._seen] == [6, 7, 8, 9]
    server.exchange._handler = lambda *request: (coap.CHANGED, (), bytes(5000))
    server.hears(0, coap.CON, coap.POST, 10)
    assert [seen[1] for seen in server.exchange._seen] == [10]
