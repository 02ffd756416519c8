"""The network and provisioning, with a radio that the test scripts and a clock that never waits. Unix port."""

import asyncio

from helpers import raises
from rig import Board, fresh
from tos import App, ports, provision
from tos.log import Log
from tos.provision import Provision
from tos.state import Config
from toscore import cbor_viper as cbor
from toscore.errors import Busy, StoreError, WireError

KEPT, REFUSED, ROAMED, UNREACHABLE, CONFIG_BAD = 222, 381, 225, 382, 419


class Radio:
    """Access points {(ssid, bssid): [password, rssi_dbm]}; `joins` is what was asked of it, and when."""

    def __init__(self, clock, **around):
        self._clock = clock
        self.around = {(ssid, ssid): about for ssid, about in around.items()}
        self.on = None
        self.joins = []
        self.hidden = ()

    def scan(self):
        return [(s, rssi, bool(p), b) for (s, b), (p, rssi) in self.around.items() if s not in self.hidden]

    def status(self):
        about = self.around.get(self.on)
        return (True, "10.0.0.2", about[1]) if about else (False, None, None)

    async def join(self, ssid, password, timeout_ms, bssid=None):
        self.joins.append((self._clock.now, ssid, bssid))
        self.on = None
        await self._clock.sleep_ms(1500)
        for key, about in self.around.items():
            if key[0] == ssid and bssid in (None, key[1]):
                if about[0] != password:
                    return ports.JOIN_WRONG_PASSWORD
                self.on = key
                return ports.JOIN_OK
        return ports.JOIN_NOT_FOUND

    def leave(self):
        self.on = None


class Link:
    owned = False

    def is_owned(self):
        return self.owned


def device(name, networks=(), **around):
    """-> (machine, radio, app): nothing runs yet."""
    app = App("it")
    app.board = Board()
    app.clock = app.board.clock
    app.board.radio = Radio(app.clock, **around)
    app.log = Log(app.clock)
    app.config = Config(app.log, fresh("wifi-%s.rec" % name))
    app.link = Link()
    if networks:
        app.config.update({"networks": [list(row) for row in networks]})
    return Provision(app), app.board.radio, app


def runs(machine, app, work):
    """Run work() while the network is kept."""

    async def main():
        task = asyncio.create_task(machine.net.run(app))
        await work()
        task.cancel()

    asyncio.run(main())
    asyncio.new_event_loop()


async def until(clock, holds, within_ms):
    end = clock.now + within_ms
    while not holds():
        assert clock.now < end
        await asyncio.sleep_ms(0)


def stored(app, name):
    return Config(app.log, ".tos/test/wifi-%s.rec" % name).get("networks")


def test_credentials_are_kept_when_they_have_worked_and_not_before():
    machine, radio, app = device("kept", home=["right", -50])

    async def work():
        trial = machine.offer("home", "right")
        assert machine.state == provision.PROVISIONING and stored(app, "kept") is None
        while not radio.joins:
            await asyncio.sleep_ms(0)
        assert stored(app, "kept") is None
        assert await trial == ports.JOIN_OK and machine.state == provision.PROVISIONED
        assert stored(app, "kept") == [["home", "right"]]

    runs(machine, app, work)


def test_a_refusal_names_its_reason_and_keeps_nothing():
    machine, radio, app = device("refused", home=["right", -50])

    async def work():
        for ssid, password, reason in (("home", "wrong", 2), ("nowhere", "right", 1)):
            assert await machine.offer(ssid, password) == reason == machine.verdict
            assert machine.state == provision.AUTHORIZED and stored(app, "refused") is None
        assert app.log.counts[REFUSED] == 2

    runs(machine, app, work)


def test_after_a_refusal_the_owners_network_is_joined_again():
    machine, radio, app = device("back", [("home", "right")], home=["right", -50])

    async def work():
        await until(app.clock, lambda: machine.net.joined, 5000)
        assert await machine.offer("home", "wrong") == ports.JOIN_WRONG_PASSWORD
        await until(app.clock, lambda: machine.net.joined, 5000)
        assert stored(app, "back") == [["home", "right"]]

    runs(machine, app, work)


def test_a_new_network_is_tried_at_once_whatever_the_device_waits_for():
    machine, radio, app = device("once", [("gone", "x")], home=["right", -50])

    async def work():
        await until(app.clock, lambda: len(radio.joins) > 6, 120000)
        before = len(radio.joins)
        assert await machine.offer("home", "right") == ports.JOIN_OK
        assert radio.joins[before][1] == "home"

    runs(machine, app, work)


def test_one_at_a_time():
    machine, radio, app = device("busy", home=["right", -50])

    async def work():
        trial = machine.offer("home", "right")
        raises(Busy, machine.offer, "home", "right")
        await trial

    runs(machine, app, work)


def test_the_latest_five_networks_are_kept_and_one_only_once():
    machine, radio, app = device("five", **{"n%d" % n: ["p", -50] for n in range(7)})

    async def work():
        for n in (0, 1, 2, 3, 4, 5, 6, 4):
            await machine.offer("n%d" % n, "p")
        assert [row[0] for row in stored(app, "five")] == ["n4", "n6", "n5", "n3", "n2"]

    runs(machine, app, work)


def test_what_cannot_be_stored_is_told():
    machine, radio, app = device("full", home=["right", -50])

    def full(changes):
        raise StoreError(406, 28)

    app.config.update = full

    async def work():
        assert await machine.offer("home", "right") == provision.NOT_KEPT
        assert machine.networks() == []

    runs(machine, app, work)


def test_the_strongest_of_the_known_networks_is_tried_first():
    machine, radio, app = device(
        "strong", [("a", "p"), ("b", "p"), ("c", "p")], a=["p", -80], b=["p", -40], c=["p", -60], d=["p", -20]
    )
    radio.around[("b", "b")][0] = "changed"

    async def work():
        await until(app.clock, lambda: machine.net.joined, 10000)
        assert [ssid for _, ssid, _ in radio.joins] == ["b", "c"]

    runs(machine, app, work)


def test_a_hidden_network_is_found_among_others_that_are_away():
    machine, radio, app = device("hidden", [("x", "p"), ("attic", "p"), ("y", "p")], attic=["p", -50])
    radio.hidden = ("attic",)

    async def work():
        await until(app.clock, lambda: machine.net.joined, 30000)

    runs(machine, app, work)


def test_pauses_grow_and_are_drawn():
    machine, radio, app = device("pauses", [("gone", "p")])

    async def work():
        await until(app.clock, lambda: len(radio.joins) > 40, 3000000)
        pauses = [b[0] - a[0] - 1500 for a, b in zip(radio.joins, radio.joins[1:])]
        assert pauses[0] <= 1000 and min(pauses[8:]) >= 8000 and max(pauses) <= 16000
        assert len(set(pauses[8:])) > 10

    runs(machine, app, work)


def test_it_roams_when_weak_to_what_is_much_better_only():
    machine, radio, app = device("roam", [("home", "p")], home=["p", -60])

    async def work():
        await until(app.clock, lambda: machine.net.joined, 5000)
        radio.around[("home", "near")] = ["p", -40]
        await app.clock.sleep_ms(300000)
        assert radio.on == ("home", "home")  # strong enough
        radio.around[("home", "home")][1] = -71
        radio.around[("home", "near")][1] = -65
        await until(app.clock, lambda: app.clock.now > 600000, 600000)
        assert radio.on == ("home", "home")  # hardly better
        radio.around[("home", "near")][1] = -61
        await until(app.clock, lambda: radio.on == ("home", "near"), 70000)
        await until(app.clock, lambda: app.log.counts.get(ROAMED), 70000)

    runs(machine, app, work)


def test_n_shows_no_password_and_takes_only_what_is_right():
    machine, radio, app = device("n", [("home", "secret one")], home=["secret one", -50])
    assert cbor.loads(machine.body()) == {0: provision.AUTHORIZED, 1: ["home"], 2: None, 3: None, 4: None}
    assert b"secret" not in machine.body()
    wrongs = [None, [], {}, {0: "", 1: ""}, {0: "s", 1: None}, {0: 5, 1: ""}, {0: "s" * 33, 1: ""}, {1: "p"}]
    for wrong in wrongs + [{0: "s", 1: "p" * 65}, {0: "s", 1: "p", 2: 1}, {"0": "s", 1: "p"}]:
        raises(WireError, machine.put, wrong)

    async def work():
        await until(app.clock, lambda: machine.net.joined, 5000)
        machine.put({0: "home"})
        assert machine.networks() == [] and radio.on is None
        machine.put({0: "home", 1: "secret one"})
        await until(app.clock, lambda: machine.verdict is not None, 5000)
        assert cbor.loads(machine.body()) == {0: provision.PROVISIONED, 1: ["home"], 2: "10.0.0.2", 3: -50, 4: 0}

    runs(machine, app, work)


def test_a_config_that_makes_no_sense_is_told_and_harmless():
    for n, bad in enumerate(("text", [1], [["a"]], [["a", 5]], [["", "p"]], 7)):
        machine, radio, app = device("bad%d" % n)
        app.config.update({"networks": bad})
        assert machine.networks() == [] and app.log.counts[CONFIG_BAD] == 1


def test_an_owned_device_takes_nothing_from_the_air_until_its_button_is_pressed():
    machine, radio, app = device("paired")
    assert machine.state == provision.AUTHORIZED
    app.link.owned = True
    assert machine.state == provision.IDLE
    machine.press()
    assert machine.state == provision.AUTHORIZED
    app.clock.now += 599999
    assert machine.is_open()
    app.clock.now += 1
    assert machine.state == provision.IDLE


def test_it_may_be_dropped_on_a_strong_network_while_nobody_wants_another_and_what_comes_next_knows_what_it_did():
    machine, radio, app = device("quiet", [("home", "right")], home=["right", -50])
    assert not machine.is_quiet()

    async def work():
        await until(app.clock, machine.is_quiet, 5000)
        radio.around[("home", "home")][1] = -71
        await until(app.clock, lambda: not machine.is_quiet(), 2000)
        radio.around[("home", "home")][1] = -50
        await until(app.clock, machine.is_quiet, 2000)
        trial = machine.offer("home", "wrong")
        assert not machine.is_quiet()
        assert await trial == ports.JOIN_WRONG_PASSWORD
        await until(app.clock, machine.is_quiet, 20000)
        machine.press()
        assert not machine.is_quiet()

    runs(machine, app, work)
    lost = app.log.counts[221]
    machine = Provision(app, machine.kept())
    assert (machine.verdict, machine.presses, machine.is_quiet()) == (ports.JOIN_WRONG_PASSWORD, 1, False)
    assert machine.net.joined and machine.net.ssid == "home"
    radio.on = None
    runs(machine, app, lambda: until(app.clock, lambda: app.log.counts[221] == lost + 1, 2000))
