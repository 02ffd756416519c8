"""The bench API over its Unix socket, against a real house: what a person can do to a simulated device."""

import asyncio
import signal
import socket
import stat

import httpx
import pytest
from desk import desk
from programs import running
from soon import asleep, soon
from tosplus.errors import HostError
from tosplus.link.client import Client
from tosplus.sim import bench
from tosplus.sim.house import House, read

RATE = 10


class Hands:
    """The bench of a house as a program beside it has it, and the house to look behind it."""

    def __init__(self, house, http):
        self.house = house
        self._http = http

    async def devices(self):
        """{name: (id, on, {lever name: lever})}"""
        found = (await self._http.get("/devices")).raise_for_status().json()
        return {d["name"]: (id, d["on"], {row["name"]: row for row in d["levers"]}) for id, d in found.items()}

    async def lever(self, name, lever):
        return (await self.devices())[name][2][lever]

    async def post(self, name, lever, **body):
        """-> (status, error or None)"""
        id = (await self.devices())[name][0]
        done = await self._http.post(f"/devices/{id}/{lever}", json=body)
        return done.status_code, done.json()["error"] if done.content else None

    async def raw(self, method, path, **more):
        return await self._http.request(method, path, **more)

    async def signals(self, name):
        return (await self.house.devices[name].control("get"))["signals"]

    async def becomes(self, name, path, value):
        device = self.house.devices[name]
        async with Client(*device.link) as link:

            async def is_so():
                return await link.get(path) == value

            await soon(is_so, f"{name} {path} does not become {value}")

    async def events(self, name):
        async with Client(*self.house.devices[name].link) as link:
            return [event.value for event in (await link.events()).latest]


def at_the_bench(tmp_path, monkeypatch, test, *apps, rate=RATE, own=""):
    """Run test(hands) with a house of these apps. own: what its file says of each."""
    monkeypatch.chdir(desk(tmp_path))
    devices = "".join(f'[[device]]\napp = "{app}"\n{own}' for app in apps)
    (tmp_path / "den.toml").write_text(f"[world]\nrate = {rate}\n{devices}")

    async def main():
        async with (
            House(read(tmp_path / "den.toml"), plain=True) as house,
            bench.serve(house, tmp_path / "bench"),
            httpx.AsyncClient(
                transport=httpx.AsyncHTTPTransport(uds=str(tmp_path / "bench")), base_url="http://bench"
            ) as http,
        ):
            await test(Hands(house, http))

    asyncio.run(main())
    assert not (tmp_path / "bench").exists()


def test_levers_follow_from_what_a_device_says_of_itself(tmp_path, monkeypatch):
    async def test(hands):
        found = await hands.devices()
        assert {name: list(levers) for name, (_, _, levers) in found.items()} == {
            "kettle": ["probe", "button", "cut", "plug", "kill"],
            "fridge": ["probe", "door", "button", "plug", "kill"],
            "watch": ["button_a", "button_b", "near", "cut", "plug", "kill"],
            "tv": ["keys", "button", "cut", "plug", "kill"],
            "till": ["near", "keys", "button", "plug", "kill"],
        }
        assert all(on for _, on, _ in found.values())
        async with Client(*hands.house.devices["kettle"].link) as link:
            assert found["kettle"][0] == (await link.identity()).id
        kettle, tv, till = (found[name][2] for name in ("kettle", "tv", "till"))
        assert kettle["probe"] == {
            "name": "probe", "kind": "toggle", "title": "Probe", "value": False, "words": ["works", "broken"],
        }  # fmt: skip
        assert kettle["kill"] == {"name": "kill", "kind": "act", "title": "kill -9", "value": None}
        assert tv["keys"]["options"] == ["up", "down", "left", "right", "ok", "back"]
        assert till["keys"]["options"] == [*"0123456789", "clear", "ok"]

    at_the_bench(tmp_path, monkeypatch, test, "kettle", "fridge", "watch", "tv", "till")


def test_only_the_owner_may_touch_the_socket(tmp_path, monkeypatch):
    async def test(hands):
        assert stat.S_IMODE((tmp_path / "bench").stat().st_mode) == 0o600

    at_the_bench(tmp_path, monkeypatch, test, "lamp")


def test_a_door_opens_and_closes(tmp_path, monkeypatch):
    async def test(hands):
        for is_open in (True, False):
            assert await hands.post("fridge", "door", value=is_open) == (204, None)
            await hands.becomes("fridge", "door", is_open)
            assert (await hands.lever("fridge", "door"))["value"] is is_open

    at_the_bench(tmp_path, monkeypatch, test, "fridge")


def test_a_device_is_taken_out_of_the_field_of_the_others_and_brought_back(tmp_path, monkeypatch):
    async def test(hands):
        antenna = hands.house.devices["watch"].nfc.antenna
        for is_near in (False, True):
            assert await hands.post("watch", "near", value=is_near) == (204, None)
            assert antenna.is_near is is_near
            assert (await hands.lever("watch", "near"))["value"] is is_near

    at_the_bench(tmp_path, monkeypatch, test, "watch")


def test_a_probe_breaks_stays_broken_over_a_restart_and_is_mended(tmp_path, monkeypatch):
    async def test(hands):
        await hands.becomes("kettle", "temp", 20)
        assert await hands.post("kettle", "probe", value=True) == (204, None)
        await hands.becomes("kettle", "temp", None)
        assert await hands.post("kettle", "kill") == (204, None)
        await hands.house.devices["kettle"].restarted()
        assert (await hands.lever("kettle", "probe"))["value"] is True
        assert await hands.post("kettle", "probe", value=False) == (204, None)
        await hands.becomes("kettle", "temp", 20)
        assert (await hands.lever("kettle", "probe"))["value"] is False

    at_the_bench(tmp_path, monkeypatch, test, "kettle")


@pytest.mark.parametrize("rate", [0, 0.5, 1, 30])
def test_each_press_is_seen_once_at_every_rate(tmp_path, monkeypatch, rate):
    async def test(hands):
        if not rate:
            await hands.house.devices["watch"].control("advance", ms=100)
        presses = [hands.post("watch", "button_a"), hands.post("watch", "button_b"), hands.post("watch", "button_a")]
        assert await asyncio.gather(*presses) == [(204, None)] * 3
        assert sorted(await hands.events("watch")) == ["a", "a", "b"]
        assert not (await hands.signals("watch"))["button_a"]

    at_the_bench(tmp_path, monkeypatch, test, "watch", rate=rate)


def test_a_button_is_down_by_the_clock_of_its_own_device(tmp_path, monkeypatch):
    async def test(hands):
        assert await hands.post("watch", "button_a") == (204, None)
        assert await hands.events("watch") == ["a"]

    at_the_bench(tmp_path, monkeypatch, test, "watch", rate=0, own="rate = 0.5\n")


def test_a_button_is_released_even_if_the_device_is_off_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "_ANSWER_S", 0.3)

    async def test(hands):
        lamp = hands.house.devices["lamp"]
        press = asyncio.create_task(hands.post("lamp", "button"))
        while not (await hands.signals("lamp"))["button"]:
            await asyncio.sleep(0.01)
        await lamp.unplug()
        await asyncio.sleep(1)
        lamp.plug()
        assert (await press)[0] == 409
        assert not (await hands.signals("lamp"))["button"]

    at_the_bench(tmp_path, monkeypatch, test, "lamp", rate=0.5)


def test_a_press_wakes_a_sleeping_watch_and_is_seen_once(tmp_path, monkeypatch):
    async def test(hands):
        watch = hands.house.devices["watch"]
        await asleep(watch)
        assert await hands.post("watch", "button_a") == (204, None)
        assert await hands.events("watch") == ["a"]
        assert not (await hands.signals("watch"))["button_a"]

    at_the_bench(tmp_path, monkeypatch, test, "watch", rate=30)


def test_keys_pressed_faster_than_the_app_looks_are_all_there_in_order(tmp_path, monkeypatch):
    async def test(hands):
        for key in ("1", "2", "5", "0", "ok"):
            assert await hands.post("till", "keys", value=key) == (204, None)
        assert (await hands.signals("till"))["keys"]  # some still wait
        await hands.becomes("till", "amount", 1250)
        await soon(lambda: hands.events("till"))
        assert await hands.events("till") == ["ok"]

    at_the_bench(tmp_path, monkeypatch, test, "till", rate=0.2)


def test_unplugged_it_stays_off_until_it_is_plugged_in(tmp_path, monkeypatch):
    async def test(hands):
        fridge = hands.house.devices["fridge"]
        assert await hands.post("fridge", "plug", value=False) == (204, None)
        await asyncio.sleep(0.5)  # longer than the supply waits after a crash
        assert fridge.starts == 1 and not fridge.is_on
        id, on, levers = (await hands.devices())["fridge"]
        assert (on, levers["plug"]["value"], levers["door"]["value"]) == (False, False, None)
        for lever, body in (("door", {"value": True}), ("kill", {})):
            assert await hands.post("fridge", lever, **body) == (409, "fridge is unplugged")
        assert await hands.post("fridge", "plug", value=True) == (204, None)
        await fridge.restarted()
        assert (await hands.devices())["fridge"][1] is True

    at_the_bench(tmp_path, monkeypatch, test, "fridge")


def test_unplugged_while_it_starts_it_is_off_all_the_same(tmp_path, monkeypatch):
    async def test(hands):
        lamp = hands.house.devices["lamp"]
        await lamp.unplug()
        lamp.plug()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await lamp.unplug()
        await asyncio.sleep(0.5)
        assert not lamp.is_on
        lamp.plug()
        await lamp.restarted()

    at_the_bench(tmp_path, monkeypatch, test, "lamp")


def test_kill_and_a_cut_in_the_next_write_end_it_and_it_comes_back(tmp_path, monkeypatch):
    async def test(hands):
        kettle = hands.house.devices["kettle"]
        assert await hands.post("kettle", "kill") == (204, None)
        assert (await hands.post("kettle", "kill"))[0] == 409
        await kettle.restarted()
        assert await hands.post("kettle", "cut") == (204, None)
        await kettle.control("set", signal="water_c", value=97)
        async with Client(*kettle.link) as link:
            await link.set("power", True)
            await kettle.restarted()
            assert await link.get("boils") in (0, 1)

    at_the_bench(tmp_path, monkeypatch, test, "kettle", rate=30)


def test_what_is_wrong_is_told_as_json(tmp_path, monkeypatch):
    async def test(hands):
        none = (404, "tv has no door; it has keys, button, cut, plug, kill")
        assert await hands.post("tv", "door", value=True) == none
        plug = (400, "plug: give true for plugged in, false for unplugged")
        assert await hands.post("tv", "plug", value="out") == await hands.post("tv", "plug") == plug
        assert (await hands.post("tv", "keys", value="netflix"))[1] == (
            "keys: give one of up, down, left, right, ok, back"
        )
        for value in (7, [], {}, None, True):
            assert (await hands.post("tv", "keys", value=value))[0] == 400
        id = (await hands.devices())["tv"][0]
        for method, path, body, status in (
            ("POST", f"/devices/{id}/keys", b"{", 400),
            ("POST", f"/devices/{id}/keys", b"7", 400),
            ("POST", f"/devices/{id}/keys", b"\xff", 400),
            ("POST", "/devices/nobody/kill", b"", 404),
            ("GET", f"/devices/{id}/kill", b"", 405),
            ("GET", "/elsewhere", b"", 404),
        ):
            done = await hands.raw(method, path, content=body)
            assert done.status_code == status and list(done.json()) == ["error"], path

    at_the_bench(tmp_path, monkeypatch, test, "tv")


def test_a_device_that_does_not_answer_is_told_and_holds_up_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "_ANSWER_S", 0.2)

    async def test(hands):
        with open(hands.house.devices["fridge"].tty, "r+b", buffering=0) as port:
            await asyncio.sleep(0.2)
            port.write(b"\x03")  # Ctrl-C stops its app
            while (await hands.lever("fridge", "door"))["value"] is not None:
                await asyncio.sleep(0.05)
            status, error = await hands.post("fridge", "door", value=True)
            assert status == 409 and error.startswith("fridge does not answer")
            monkeypatch.setattr(bench, "_ANSWER_S", 1.0)  # a busy host is no device that does not answer
            assert await hands.post("lamp", "button") == (204, None)

    at_the_bench(tmp_path, monkeypatch, test, "fridge", "lamp")


def test_a_device_may_have_fallen_asleep_before_the_bench_is_there(tmp_path, monkeypatch):
    async def test(hands):
        watch = hands.house.devices["watch"]
        await watch.control("advance", ms=60_100)
        await asleep(watch)
        async with bench.serve(hands.house, tmp_path / "later"):
            pass

    at_the_bench(tmp_path, monkeypatch, test, "watch", rate=0)


def test_a_socket_left_behind_is_replaced_and_one_in_use_is_not(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "bench"))

    async def test(hands):
        with pytest.raises(HostError, match="no bench at bench: Address already in use"):
            async with bench.serve(hands.house, tmp_path / "bench"):
                pass
        assert (await hands.devices())["lamp"][1]

    at_the_bench(tmp_path, monkeypatch, test, "lamp")


def test_tos_sim_serves_the_bench_until_ctrl_c(tmp_path):
    (tmp_path / "den.toml").write_text('[[device]]\napp = "lamp"\n')
    command = ["tos", "sim", "--house", "den.toml", "--bench", "b", "--hub", ""]
    with running(command, cwd=desk(tmp_path)) as process:
        assert process.stdout.readline().startswith("lamp  ready")
        assert process.stdout.readline().startswith("den  all 1 ready")
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(tmp_path / "b"))) as http:
            assert [device["name"] for device in http.get("http://bench/devices").json().values()] == ["lamp"]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert not (tmp_path / "b").exists()
