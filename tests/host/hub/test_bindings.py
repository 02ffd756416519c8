"""Devices that the hub brings together: a key of their own, no more rights than their rules need, and an end of it."""

import asyncio
import contextlib
import os

import cbor2
import pytest
from soon import soon
from tosplus.hub import bindings
from tosplus.link.client import Client
from tosplus.sim.device import Device

from .running import hub, value_of

PRESS = {"when": "pressed", "equals": "b"}


class House:
    """A watch and a TV that the hub has paired; more by name. rules: of the watch."""

    def __init__(self, it, devices):
        self.it = it
        self.devices = devices
        self.ids = {}

    def __getattr__(self, name):
        return self.devices[name]

    async def pair(self, name):
        code = await self.devices[name].code()
        address = "{}:{}".format(*self.devices[name].link)
        answer = await self.it.http.post("/api/pair", json={"code": code, "address": address}, timeout=60)
        self.ids[name] = answer.json()["id"]
        await self.read(name)

    async def read(self, name):
        await self.it.until(lambda seen: seen["link"] == "live" and seen["rules"] is not None, id=self.ids[name])

    def rule(self, to=None, path="power", device="tv", **more):
        rule = {**PRESS, **more, "device": self.ids[device], "set": path}
        return rule if to is None else {**rule, "to": to}

    async def put(self, *rules, name="watch"):
        return await self.it.http.put(f"/api/devices/{self.ids[name]}/rules", json={"rules": list(rules)}, timeout=30)

    async def peers(self, name):
        """{name: [role, paths]} of those that the hub has brought."""
        rows = (await (await self.client(name)).read("p"))[1]
        return {other: [role, paths] for other, role, paths in rows if other != "hub"}

    async def client(self, name):
        return Client(*self.devices[name].link, self.it.hub.context, 5, self.it.hub.trust.get(self.ids[name]))

    async def gone(self, *names):
        async def are():
            return not any([await self.peers(name) for name in names])

        await soon(are, "it stays")

    async def settled(self):
        bindings = self.it.hub.bindings
        await soon(lambda: not bindings._look.is_set() and not bindings._turn.locked())

    async def power(self):
        return (await self.devices["tv"].control("get"))["signals"]["relay"]

    async def press(self, wanted):
        await asyncio.sleep(0.15)  # that it was let go has to be seen
        await self.devices["watch"].press("button_b", 150)

        async def is_so():
            return await self.power() is wanted

        await soon(is_so, f"power stays {not wanted}")


def house(tmp_path, test, names=("watch", "tv"), **about):
    async def main():
        async with contextlib.AsyncExitStack() as stack:
            it = await stack.enter_async_context(hub(tmp_path / "hub", plain=False))
            devices = {}
            for name in names:
                device = Device(name, state_dir=tmp_path / name, **about)
                devices[name] = await stack.enter_async_context(device)
            home = House(it, devices)
            for name in names:
                await devices[name].ready()
                await home.pair(name)
            await test(home)

    asyncio.run(asyncio.wait_for(main(), 240))


def test_the_button_of_one_device_switches_another_and_each_may_no_more_than_the_rule_needs(tmp_path):
    async def test(home):
        assert (await home.put(home.rule())).status_code == 204
        assert await home.peers("tv") == {home.ids["watch"]: [6, ["power"]]}
        assert await home.peers("watch") == {home.ids["tv"]: [6, []]}
        assert (await home.it.device(home.ids["watch"]))["rules"] == [home.rule()]
        await home.press(True)
        await home.press(False)

    house(tmp_path, test)


def test_the_key_is_new_of_their_own_and_not_kept_by_the_hub(tmp_path, monkeypatch):
    rows = []
    bring = Client.bring

    async def seen(self, peer, row):
        rows.append(row)
        await bring(self, peer, row)

    monkeypatch.setattr(Client, "bring", seen)

    async def test(home):
        await home.put(home.rule())
        await home.put(home.rule(), home.rule(30, "volume"))
        assert await home.peers("tv") == {home.ids["watch"]: [6, ["power", "volume"]]}
        first, second = rows[:2], rows[2:]
        for one, other in (first, second):
            assert one[0] == other[0] and len(one[0]) == 16 and one[1] == other[1]
            assert (one[2], one[3]) == (other[3], other[2]) and one[2] != one[3]
        owners = [home.it.hub.trust.store.get(id).context.secret for id in home.ids.values()]
        secrets = [first[0][0], second[0][0], *owners]
        assert len(set(secrets)) == 4
        kept = b"".join(file.read_bytes() for file in (tmp_path / "hub").rglob("*") if file.is_file())
        for secret in secrets[:2]:
            assert secret not in kept and secret.hex().encode() not in kept
        assert repr(secrets[0])[2:-1] not in repr(vars(home.it.hub.bindings))

    house(tmp_path, test)


def test_it_is_undone_on_both_sides_when_the_rule_goes(tmp_path):
    async def test(home):
        own = {"when": "a", "equals": True, "set": "vibration", "to": True}
        await home.put(own, home.rule(), home.rule(30, "volume"))
        assert (await home.put(own, home.rule())).status_code == 204

        async def is_only_what_is_named():
            return await home.peers("tv") == {home.ids["watch"]: [6, ["power"]]}

        await soon(is_only_what_is_named, "what no rule names is still allowed")
        await home.press(True)
        assert (await home.put(own)).status_code == 204
        await home.gone("tv", "watch")
        assert (await (await home.client("watch")).read("b")) == [{0: 1, 3: True, 4: 5, 5: True}]
        await soon(lambda: not home.it.hub.bindings._pairs, "the hub remembers it")

    house(tmp_path, test)


@pytest.mark.parametrize("side", ["tv", "watch"])
def test_who_revokes_on_one_side_ends_it_on_both(tmp_path, side):
    async def test(home):
        await home.put(home.rule())
        await home.press(True)
        other = "watch" if side == "tv" else "tv"
        answer = await home.it.http.delete(f"/api/devices/{home.ids[side]}/peers/{home.ids[other]}", timeout=30)
        assert answer.status_code == 204
        await home.gone("tv", "watch")
        assert await (await home.client("watch")).read("b") == []
        await home.watch.press("button_b", 150)
        await asyncio.sleep(0.5)
        assert await home.power() is True
        assert (await home.put(home.rule())).status_code == 204
        await home.press(False)

    house(tmp_path, test)


def test_what_one_side_refuses_leaves_nothing_behind(tmp_path):
    async def test(home):
        answer = await home.put(home.rule(), {**home.rule(), "equals": "nope"})
        assert (answer.status_code, answer.json()["code"]) == (409, 335)
        await home.gone("tv", "watch")
        for bad, words in (
            (home.rule(path="nope"), "has no nope"), (home.rule(path="input"), "cannot be set"),
            (home.rule(500, "volume"), "to that"), (home.rule("on"), "to that"), (home.rule(path="volume"), "to that"),
            (home.rule(device="watch", path="vibration"), "names no device"),
        ):  # fmt: skip
            answer = await home.put(bad)
            assert answer.status_code == 400 and words in answer.json()["error"], bad
        stranger = {**home.rule(), "device": "lamp-1"}
        assert (await home.put(stranger)).json()["code"] == 394
        assert await home.peers("tv") == await home.peers("watch") == {}

    house(tmp_path, test)


@pytest.mark.parametrize("step", [0, 1, 2])
def test_what_is_cut_short_is_finished_or_undone(tmp_path, monkeypatch, step):
    """After `step` of the three requests the hub finds nobody any more."""
    write = Client.write
    done = []

    async def cut(self, path, payload):
        if path == "b" or path.startswith("p/"):
            if len(done) == step:
                raise bindings.Unreachable("cut")
            done.append(path)
        await write(self, path, payload)

    async def test(home):
        monkeypatch.setattr(Client, "write", cut)
        answer = await home.put(home.rule())
        assert answer.status_code == 504 and len(done) == step
        monkeypatch.undo()
        if step == 1:  # again at once
            assert (await home.put(home.rule())).status_code == 204
            await home.press(True)
        else:
            await home.gone("tv", "watch")
            await soon(lambda: not home.it.hub.bindings._pairs, "it is not undone")

    if step == 1:  # nobody tidies up: the second request itself has to see what is half done
        monkeypatch.setattr(bindings.Bindings, "run", lambda self: asyncio.sleep(60))
    house(tmp_path, test)


def test_an_id_that_is_taken_is_drawn_anew(tmp_path, monkeypatch):
    drawn = []
    urandom = os.urandom

    def draw(n):
        drawn.append(n)
        return b"\x11\x22" if n == 2 and drawn.count(2) <= 2 else urandom(n)

    async def test(home):
        monkeypatch.setattr(bindings.os, "urandom", draw)
        assert (await home.put(home.rule())).status_code == 204 and drawn.count(2) == 1
        assert (await home.put(home.rule(), home.rule(device="lamp", path="light"))).status_code == 204
        assert drawn.count(2) == 3
        await home.press(True)
        await home.it.until(lambda seen: value_of(seen, "light") is True, id=home.ids["lamp"])

    house(tmp_path, test, ("watch", "tv", "lamp"))


def test_a_device_that_moves_is_called_where_it_is(tmp_path):
    async def test(home):
        await home.put(home.rule())
        await home.press(True)
        device = home.it.hub.devices[home.ids["tv"]]
        host, port = device.where()
        home.it.hub.met_at(device, f"localhost:{port}")  # another address, of the same one
        pairs, there = home.it.hub.bindings._pairs, {home.ids["tv"]: device.address}
        await soon(lambda: [each.addresses for each in pairs.values()] == [there], "it is called where it was")
        await home.press(False)

    house(tmp_path, test)


def test_a_device_that_is_forgotten_takes_its_bindings_with_it(tmp_path):
    async def test(home):
        await home.put(home.rule())
        await home.it.http.delete(f"/api/devices/{home.ids['tv']}", timeout=30)
        await home.gone("watch")
        assert await (await home.client("watch")).read("b") == []
        assert cbor2.dumps(sorted(home.it.hub.bindings._pairs)) == b"\x80"

    house(tmp_path, test)
