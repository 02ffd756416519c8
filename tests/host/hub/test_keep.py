"""What was shown is kept, whatever happens to the hub or to its disk; and a long history is thinned honestly."""

import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time

import httpx
import pytest
from soon import soon
from tosplus import ports
from tosplus.hub import journal
from tosplus.hub.store import Store
from tosplus.hub.thin import thinned
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from .fake import Fake
from .running import hub, value_of


def run(test):
    asyncio.run(asyncio.wait_for(test, 240))


class Process:
    """`tos hub` as it is started by a person."""

    def __init__(self, folder, coap):
        self.folder, self.coap = folder, coap

    async def __aenter__(self):
        command = [sys.executable, "-c", "from tosplus.cli import main; main()", "hub", "--plain", "--json"]
        command += ["--port", "0", "--coap-port", str(self.coap), "--state", str(self.folder)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        try:
            line = ""
            while "page" not in line:
                line = await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), 60)
        except BaseException:  # nobody else would end it
            self.process.kill()
            raise
        self.address = json.loads(line)["page"].rstrip("/")
        return self

    async def __aexit__(self, *error):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    async def points(self, path):
        async with httpx.AsyncClient(base_url=self.address) as http:
            answer = await http.get(f"/api/devices/fake-1/history/{path}", params={"points": 5000})
            return answer.json()["points"]


def test_kill_9_loses_nothing_that_was_shown_and_doubles_nothing(tmp_path):
    pick = random.Random(5)

    async def listen(address, values, events):
        with contextlib.suppress(OSError, WebSocketException):
            async with connect(address.replace("http", "ws") + "/api/live", max_size=None) as page:
                async for text in page:
                    message = json.loads(text)
                    if message["type"] == "values" and "temp" in message["values"]:
                        values.append((message["at"], message["values"]["temp"]))
                    if message["type"] == "event" and message["event"]["kind"] == "event":
                        events.append(message["event"]["value"])

    async def test():
        coap = ports.free()
        values, events = [], []
        async with Fake(None) as fake:
            fake.hub_port = coap

            async def work():
                n = 100
                while True:
                    n += 1
                    fake.set({0: n})
                    if n % 5 == 0:
                        fake.emit(n)
                    await asyncio.sleep(0.03)

            working = asyncio.create_task(work())
            for life in range(6):
                async with Process(tmp_path, coap) as it:
                    before, listening = len(values), asyncio.create_task(listen(it.address, values, events))
                    if life == 0:
                        await fake.report()
                    await asyncio.sleep(pick.uniform(0.3, 1.0))
                    while len(values) < before + 5:
                        await asyncio.sleep(0.02)
                    it.process.send_signal(signal.SIGKILL)
                    it.process.wait()
                    await listening
            working.cancel()
            async with Process(tmp_path, coap) as it:
                await asyncio.sleep(0.5)
                kept = [tuple(point) for point in await it.points("temp")]
                async with httpx.AsyncClient(base_url=it.address) as http:
                    told = (await http.get("/api/events", params={"limit": 500})).json()["events"]
            assert len(values) > 20 and len(events) > 3
            numbers = [value for at, value in kept]
            assert not set(values) - set(kept)
            assert len(numbers) == len(set(numbers)) and numbers == sorted(numbers)
            own = [event["value"] for event in told if event["kind"] == "event"]
            assert not set(events) - set(own) and len(own) == len(set(own)) and own == sorted(own)
            assert len({event["id"] for event in told}) == len(told)

    run(test())


def test_a_full_disk_stops_the_history_only_and_that_resumes(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "_AGAIN_S", 0.3)

    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.until(lambda device: value_of(device, "temp") == 20)
            unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
            try:
                resource.setrlimit(resource.RLIMIT_FSIZE, (1, unlimited[1]))
                fake.set({0: 21})
                await it.until(lambda device: value_of(device, "temp") == 21)
                fake.set({0: 22})
                fake.emit("while full")
                await it.until(lambda device: value_of(device, "temp") == 22)
                about = (await it.house())["hub"]
                assert about["history"] == "full" and "make room" in about["text"]
                assert [value for at, value in await it.values()] == [20]
                await asyncio.sleep(0.5)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)

            async def is_kept():
                return (await it.house())["hub"]["history"] == "kept"

            await soon(is_kept)
            assert [value for at, value in await it.values()] == [20, 22]
            kinds = [event["kind"] for event in (await it.http.get("/api/events")).json()["events"]]
            assert kinds.count("disk") == 2 and kinds.count("event") == 1

    run(test())


def test_sqlite_itself_says_full_and_the_rest_is_written_later(tmp_path):
    async def test():
        store = Store(tmp_path / "hub.db")
        limit = [2**30]
        before = store.engine.begin

        @contextlib.contextmanager
        def limited():
            with before() as connection:
                connection.exec_driver_sql(f"PRAGMA max_page_count={limit[0]}")
                yield connection

        store.engine.begin = limited
        published = []
        it = journal.Journal(store, lambda entries, trouble: published.append((entries, trouble)))
        it.put(journal.Values("d", 1.0, {"p": 1}))
        await soon(lambda: published)
        limit[0] = 1
        for n in range(2, 40):
            it.put(journal.Values("d", float(n), {"p": "x" * 4000 + str(n)}))
        await soon(lambda: sum(len(entries) for entries, _ in published) == 39)
        assert "full" in published[-1][1]
        limit[0] = 2**30
        await soon(lambda: published[-1][1] is None)
        await it.close()
        rows = sqlite3.connect(tmp_path / "hub.db").execute("select at from readings order by at").fetchall()
        assert rows[0] == (1.0,) and rows[-1] == (39.0,)
        store.close()

    run(test())


def test_what_is_published_can_be_read_by_another_at_that_moment(tmp_path):
    async def test():
        store = Store(tmp_path / "hub.db")
        reader = sqlite3.connect(tmp_path / "hub.db")
        seen = []

        def publish(entries, trouble):
            for entry in entries:
                query = "select count(*) from readings where at = ?"
                seen.append(reader.execute(query, (entry.at,)).fetchone()[0])

        it = journal.Journal(store, publish)
        for n in range(300):
            it.put(journal.Values("d", float(n), {"p": n}))
            if n % 50 == 0:
                await asyncio.sleep(0.01)
        await it.close()
        assert seen == [1] * 300
        store.close()

    run(test())


def test_old_readings_go_but_what_was_in_force_stays(tmp_path):
    store = Store(tmp_path / "hub.db")
    with store.engine.begin() as connection:
        for at in (1.0, 2.0, 3.0, 10.0):
            store.write_values(connection, "d", at, {"p": at, "q": at} if at < 3 else {"p": at})
        store.drop_before(connection, 5.0)
    assert store.history("d", "p", 0, 20, 100) == [(3.0, 3.0), (10.0, 10.0)]
    assert store.history("d", "p", 5, 20, 100) == [(3.0, 3.0), (10.0, 10.0)]
    assert store.history("d", "p", 11, 20, 100) == [(10.0, 10.0)]
    assert store.history("d", "q", 11, 20, 100) == [(2.0, 2.0)]
    assert store.history("d", "none", 0, 20, 100) == []
    assert store.last_values("d") == {"p": (10.0, 10.0), "q": (2.0, 2.0)}


@pytest.mark.parametrize("most", [1, 5, 50, 500])
def test_a_thinned_history_keeps_peaks_and_gaps(most):
    odd = {4000: None, 5000: 100, 6000: -100}
    points = [(float(n), odd.get(n, n % 10)) for n in range(9999)]
    kept = thinned(points, 0, 9999, most)
    assert len(kept) <= most and kept == sorted(kept, key=lambda point: point[0]) and set(kept) <= set(points)
    if most >= 5:
        assert {100, -100, None} <= {value for at, value in kept}
    assert thinned(points[:most], 0, 9999, most) == points[:most]


def test_switches_are_thinned_to_steps():
    points = [(float(n), bool(n % 2)) for n in range(1000)]
    kept = thinned(points, 0, 1000, 100)
    assert 20 < len(kept) <= 100 and kept[-1] == points[-1] and {value for at, value in kept} == {True, False}


def test_a_forgotten_device_takes_its_history_with_it_and_may_come_again(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake:
            await it.live()
            fake.emit()
            assert (await it.http.delete("/api/devices/fake-1")).status_code == 204
            assert (await it.house())["devices"] == []

            async def is_forgotten():
                events = (await it.http.get("/api/events")).json()["events"]
                return [(event["kind"], event["value"]) for event in events] == [("forgotten", "kettle")]

            await soon(is_forgotten)
            assert it.hub.store.last_values("fake-1") == {}
            await fake.report()
            assert (await it.live())["starts"] == 1

    run(test())


def test_names_are_unique_and_an_owner_may_choose(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap):
            await it.live()
            async with Fake(it.coap, id="fake-2"):
                assert (await it.live("fake-2"))["name"] == "kettle 2"
                refused = ("", "x" * 41, 5, "a\nb", "\ud800")
                for name, status in (("Büro", 204), *((name, 400) for name in refused)):
                    body, headers = json.dumps({"name": name}), {"content-type": "application/json"}
                    answer = await it.http.patch("/api/devices/fake-2", content=body, headers=headers)
                    assert answer.status_code == status, name
                await it.http.patch("/api/devices/fake-1", json={"name": "Büro"})
                await it.until(lambda device: device["name"] == "Büro 2")

    run(test())


def test_fifty_devices_cost_little_and_all_are_live(tmp_path):
    async def test():
        async with hub(tmp_path) as it, contextlib.AsyncExitStack() as stack:
            for n in range(50):
                await stack.enter_async_context(Fake(it.coap, id=f"fake-{n}"))
            for n in range(50):
                await it.live(f"fake-{n}")
            began, cpu = time.monotonic(), time.process_time()
            await asyncio.sleep(3)
            assert (time.process_time() - cpu) / (time.monotonic() - began) < 0.5  # the fakes' share is in it
            assert {device["link"] for device in (await it.house())["devices"]} == {"live"}

    run(test())
