"""What rules set on other devices: in order, the latest, once, and no longer than it is wanted. Unix port.

The device's own link stands in for the network; over the wire it is in tests/host/test_remote.py.
"""

from helpers import raises
from rig import Readings, bound, fresh
from test_rules import DOOR, LIGHT, home
from tos.state import Rules
from toscore import cbor_viper as cbor
from toscore.errors import AuthError, WireError

GET, PUT, CONTENT, CHANGED, UNAUTHORIZED, FORBIDDEN = 1, 3, 69, 68, 129, 131
OWNERS, SET, UNKNOWN, REFUSES, SILENT = 211, 219, 394, 395, 396
TOGGLES = {0: DOOR, 3: True, 4: ["tv", "power"]}
ON, OFF = ({0: DOOR, 3: door, 5: door, 4: ["tv", "power"]} for door in (True, False))


def but(changes):
    """The rule ON, with changes."""
    row = dict(ON)
    row.update(changes)
    return row


class Peer:
    role = 6
    address = "192.0.2.9:5683"


class Asked:
    def __init__(self, row, done):
        self.address, self.code, self.path, self.payload, self.name = row
        self.done = done
        self.is_stopped = False

    def stop(self, now):
        self.is_stopped = True


class Link:
    """Remembers what was asked; the test answers."""

    def __init__(self):
        self.peers = self
        self.known = {"tv": Peer()}
        self.asked = []
        self.fails = False

    def find(self, name):
        return self.known.get(name)

    def ask(self, address, code, path, payload, done, name):
        if self.fails:
            raise AuthError(375, name)
        self.asked.append(Asked((address, code, path, cbor.loads(payload) if payload else None, name), done))
        return self.asked[-1]


class Home:
    def __init__(self, *rows):
        self.app, self.board = bound(home())
        self.link = self.app.link = Link()
        self.app.rules = Rules(self.app, fresh("rules"))
        self.app.rules.replace(list(rows))
        Readings(self.app).once()
        self.step()

    def step(self, ms=0):
        self.board.clock.now += ms
        return self.app.remote._step(self.board.clock.now)

    def door(self, open):
        self.app.put(self.app.table["door"], open)
        self.step()

    def press(self):
        self.door(True)
        self.door(False)

    def asked(self):
        """(code, value) of all until now."""
        return [(asked.code, asked.payload) for asked in self.link.asked]

    def answer(self, code=CHANGED, value=None, n=-1):
        self.link.asked[n].done(code, (), b"" if code != CONTENT else cbor.dumps(value))
        self.step()

    def count(self, code):
        return self.app.log.counts.get(code, 0)


def test_a_rule_that_names_a_peer_asks_it():
    h = Home(ON)
    h.door(True)
    [asked] = h.link.asked
    assert (asked.address, asked.path, asked.name) == ("192.0.2.9 port 5683", "s/power", "tv")
    assert h.asked() == [(PUT, True)]
    h.answer()
    assert h.asked() == [(PUT, True)] and h.count(SET) == 1 and not h.app.remote.busy()
    assert h.app.rules.rows() == [ON] and not h.app.get("power")
    assert h.step(60000) is None and h.app.remote._lines == []


def test_what_toggles_asks_first_and_then_sets_so_that_nothing_is_toggled_twice():
    h = Home(TOGGLES)
    h.door(True)
    assert h.asked() == [(GET, None)]
    h.answer(CONTENT, True)
    assert h.asked() == [(GET, None), (PUT, False)]
    for n in range(3):  # the answer is lost, and the next attempt says the same
        h.answer(None)
        h.step(60000)
        assert h.asked()[-1] == (PUT, False) and len(h.asked()) == 3 + n
    h.answer()
    assert h.count(SET) == 1 and h.step(600000) is None and len(h.asked()) == 5


def test_two_presses_are_two_toggles_wherever_the_first_one_is():
    h = Home(TOGGLES)
    h.press()
    h.press()  # the state is not known yet: together they are none
    assert not h.app.remote.busy()
    h.answer(CONTENT, False)
    assert h.asked() == [(GET, None)]
    h.press()
    h.answer(CONTENT, False)
    h.press()  # that it becomes true is on its way
    assert h.asked()[-1] == (PUT, True)
    h.answer()
    assert h.asked()[-1] == (PUT, False)
    h.answer()
    assert len(h.asked()) == 4 and not h.app.remote.busy()


def test_one_is_on_its_way_at_a_time_and_the_latest_counts():
    h = Home(ON, OFF)
    h.door(True)
    h.door(False)
    h.door(True)
    h.door(False)
    assert h.asked() == [(PUT, True)]
    h.answer()
    assert h.asked() == [(PUT, True), (PUT, False)]
    h.answer()
    assert len(h.asked()) == 2


def test_different_resources_are_set_in_the_order_in_which_they_were_wanted():
    h = Home(but({4: ["tv", "source"], 5: "tv"}), ON, but({4: ["tv", "volume"], 5: 7}))
    h.door(True)
    for n, path in enumerate(("s/source", "s/power", "s/volume")):
        assert [asked.path for asked in h.link.asked][n:] == [path]
        h.answer()
        h.step(100)
    assert h.count(SET) == 3


def test_a_circle_of_rules_has_a_pace():
    h = Home(ON, OFF)
    h.door(True)
    for n in range(10):
        h.answer()
        h.door(n % 2 == 1)
        assert len(h.asked()) == n + 1
        assert 0 < h.step() <= 100
        h.step(100)
        assert len(h.asked()) == n + 2


def test_no_answer_is_tried_again_ever_later_and_given_up_after_ten_minutes():
    h = Home(ON)
    h.door(True)
    h.answer(None)
    waits = []
    while h.app.remote.busy():
        waits.append(h.step())
        h.step(waits[-1])
        if not h.link.asked[-1].is_stopped and h.app.remote._lines and h.app.remote._lines[0].asker:
            h.answer(None)
    assert waits[:7] == [1000, 2000, 4000, 8000, 16000, 32000, 60000]
    assert 600000 <= h.board.clock.now <= 660000
    assert (h.count(SILENT), h.count(SET)) == (1, 0) and len(h.asked()) > 10


def test_a_refusal_is_logged_and_the_end():
    h = Home(ON)
    h.door(True)
    h.answer(FORBIDDEN)
    assert not h.app.remote.busy() and h.app.log.entries()[-1][1:] == [REFUSES, 1, 403]
    toggling = Home(TOGGLES)
    toggling.door(True)
    toggling.answer(CONTENT, 21)  # no switch
    assert not toggling.app.remote.busy() and toggling.app.log.entries()[-1][1:] == [REFUSES, 1, 0]


def test_an_unproven_freshness_is_no_refusal():
    h = Home(ON)
    h.door(True)
    h.answer(UNAUTHORIZED)
    h.step(1000)
    assert h.asked() == [(PUT, True), (PUT, True)] and h.count(REFUSES) == 0


def test_a_peer_that_goes_or_has_another_key_stops_what_is_on_its_way():
    h = Home(ON)
    h.door(True)
    h.link.known["tv"] = Peer()
    h.app.remote.trust_changed()
    assert h.link.asked[0].is_stopped
    h.step()
    assert h.asked() == [(PUT, True), (PUT, True)]
    del h.link.known["tv"]
    h.app.remote.trust_changed()
    h.step()
    assert h.link.asked[1].is_stopped and not h.app.remote.busy() and h.count(UNKNOWN) == 1
    h.door(False)
    h.press()
    assert len(h.asked()) == 2 and h.count(UNKNOWN) == 2


def test_only_a_peer_that_was_brought_is_called():
    for role, address in ((1, "192.0.2.9:5683"), (6, None), (6, "nowhere"), (6, "a:b")):
        h = Home(ON)
        peer = h.link.known["tv"]
        peer.role, peer.address = role, address
        h.press()
        assert h.asked() == [] and h.count(UNKNOWN) == 1, (role, address)


def test_a_number_that_cannot_be_had_is_an_attempt_that_failed():
    h = Home(ON)
    h.link.fails = True
    h.door(True)
    assert h.asked() == [] and h.app.remote.busy()
    h.link.fails = False
    h.step(1000)
    assert h.asked() == [(PUT, True)]


def test_what_no_rule_wants_any_more_is_not_asked_for():
    h = Home(ON)
    h.door(True)
    h.app.rules.replace([but({4: ["tv", "volume"], 5: 3})])
    assert h.link.asked[0].is_stopped and not h.app.remote.busy()
    h.step(60000)
    assert len(h.asked()) == 1


def test_a_rule_has_to_name_a_peer_that_can_be_called():
    h = Home(ON)
    for peer, detail in (("fridge", "rule 2, fridge"), ("hub", "rule 2, hub")):
        h.link.known["hub"] = Peer()
        h.link.known["hub"].role = 1
        e = raises(WireError, h.app.rules.replace, [ON, but({4: [peer, "power"]})])
        assert (e.code, e.detail) == (UNKNOWN, detail)
    for bad in (
        but({4: ["tv", ""]}), but({4: ["tv", "x" * 65]}), but({4: ["tv"]}), but({4: ["tv", 5]}), but({4: [7, "x"]}),
        but({5: [1]}), but({5: b"x"}), but({4: None}), but({6: "tv"}), but({5: "x" * 257}), but({7: 1}),
    ):  # fmt: skip
        assert raises(WireError, h.app.rules.replace, [bad]).code == 341, bad
    assert h.app.rules.rows() == [ON]


def test_without_such_a_rule_nothing_of_it_is_loaded():
    app, _ = bound(home())
    app.link = Link()
    rules = Rules(app, fresh("rules"))
    rules.replace([{0: DOOR, 3: True, 4: LIGHT}])
    assert app.remote is None
    rules.replace([ON])
    assert app.remote is not None and app.remote in app.services


def test_before_a_sleep_it_ends_and_says_so():
    h = Home(ON)
    h.door(True)
    h.app.remote.end()
    assert h.link.asked[0].is_stopped and not h.app.remote.busy() and h.count(SILENT) == 1
