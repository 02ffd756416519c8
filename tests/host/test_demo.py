"""`tos demo` as a person starts it: the story holds; live, it says where it is, brings the hub back, and ends clean."""

import asyncio
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess

import httpx
import pytest
from desk import desk
from soon import asleep, until
from tosplus.demo.stage import Stage
from tosplus.errors import HostError
from tosplus.sim.device import Device


@pytest.fixture
def demo(tmp_path):
    """demo() -> a running `tos demo` in a directory of its own, without a graphical session."""
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    desk(tmp_path)
    with contextlib.ExitStack() as stack:

        def start():
            process = subprocess.Popen(
                ["tos", "demo"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path,
                env=environment,
            )  # fmt: skip
            stack.enter_context(process)
            stack.callback(process.terminate)
            return process

        yield start


def told(process, pattern):
    """The first line that matches, with what is found in it."""
    lines = []
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found
        lines.append(line)
    raise AssertionError(f"{pattern} was not told:\n{''.join(lines)}")


def gone(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


def test_the_story_holds(tmp_path):
    story = ["tos", "demo", "--once", "--json"]
    done = subprocess.run(story, capture_output=True, text=True, cwd=desk(tmp_path), timeout=280)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(steps) == 15, done.stdout + done.stderr
    assert all(step["ok"] for step in steps)


def test_it_brings_its_hub_back_and_ends_with_ctrl_c(demo, tmp_path):
    process = demo()
    told(process, "live after")
    url = told(process, r"http://\S+")[0]
    switch = told(process, r"tos dev set .*?(?=  )")[0]
    assert subprocess.run(switch.split(), cwd=tmp_path, timeout=60).returncode == 0, switch
    hub = int(told(process, r"kill -9 (\d+)")[1])
    devices = httpx.get(f"{url}/api/house").json()["devices"]
    assert sorted(device["name"] for device in devices) == ["fridge", "kettle", "till", "tv", "watch"]
    assert len(httpx.get(f"{url}/api/bench").json()) == 5
    os.kill(hub, signal.SIGKILL)
    told(process, r"hub +off +kill -9; on again in 0.5 s")

    def lives():
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{url}/api/health").is_success

    until(lives)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    with open(tmp_path / ".tos/demo/hub/lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # no hub has it


def test_events_are_told_as_they_happen(demo):
    process = demo()
    url = told(process, r"http://\S+")[0]
    told(process, "Ctrl-C ends it")
    [id] = [device["id"] for device in httpx.get(f"{url}/api/house").json()["devices"] if device["model"] == "tv"]
    assert httpx.post(f"{url}/api/bench/{id}/keys", json={"value": "left"}).status_code == 204
    told(process, r"tv +input  left")


def test_a_terminal_that_closes_ends_all_and_taken_ports_are_not_waited_for(demo, tmp_path):
    with contextlib.ExitStack() as taken:
        with contextlib.suppress(OSError):  # somebody else has it already
            taken.enter_context(socket.create_server(("127.0.0.1", 8688)))
        with contextlib.suppress(OSError):
            taken.enter_context(socket.socket(type=socket.SOCK_DGRAM)).bind(("127.0.0.1", 5685))
        process = demo()
        assert not told(process, r"http://\S+")[0].endswith(":8688")
        hub = int(told(process, r"kill -9 (\d+)")[1])
        second = subprocess.run(["tos", "demo"], capture_output=True, text=True, cwd=tmp_path, timeout=280)
        assert second.returncode == 1 and "a demo is running already, in .tos/demo" in second.stderr
        process.send_signal(signal.SIGHUP)
        process.wait(60)
        assert gone(hub)


def test_a_demo_that_is_killed_takes_its_hub_with_it(demo):
    process = demo()
    hub = int(told(process, r"kill -9 (\d+)")[1])
    process.kill()
    process.wait(30)
    until(lambda: gone(hub))


def test_a_hub_that_cannot_start_says_why_at_once(demo, tmp_path):
    (tmp_path / ".tos/demo/hub/hub.db").mkdir(parents=True)
    process = demo()
    told(process, r"the hub does not come up; its log says:")
    assert process.wait(60) == 1


def test_the_second_start_needs_no_code_and_keeps_its_keys_and_its_token(demo, tmp_path):
    keys, tokens = [], []
    for _ in range(2):
        process = demo()
        told(process, "live after")
        url = told(process, r"http://\S+")[0]
        devices = httpx.get(f"{url}/api/house").json()["devices"]
        assert len(devices) == 5 and all(device["paired"] for device in devices)
        told(process, r"tokens +ready  the watch can pay at the till")  # the page was live before
        tokens.append(httpx.get(f"{url}/api/money").json())
        keys.append({file.name: file.read_text() for file in (tmp_path / ".tos/demo/hub/peers").glob("*.json")})
        process.send_signal(signal.SIGINT)
        process.wait(60)
        service = re.search(r"http://\S+", (tmp_path / ".tos/demo/tokens/tokens.log").read_text())[0]
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{service}/health")
    assert tokens[0]["tokens"] == tokens[1]["tokens"] and tokens[0]["ledger"] == tokens[1]["ledger"]
    [token], [account] = tokens[0]["tokens"], tokens[0]["accounts"]
    assert (token["device"].split("-")[0], token["state"], account["available"]) == ("watch", "active", 5000)
    assert len(keys[0]) == 5 and keys[0].keys() == keys[1].keys()
    for name, text in keys[0].items():
        assert json.loads(text)["secret"] == json.loads(keys[1][name])["secret"]


class Hub:
    """Pairs with no device that sleeps, as the watch does after a minute of its own. keeps_awake: it does not."""

    devices = {}

    def __init__(self, device, keeps_awake):
        self.device, self._keeps_awake, self.asked = device, keeps_awake, 0

    async def ask(self, method, path, body, timeout_s):
        self.asked += 1
        if self._keeps_awake and self.asked > 1:
            return 201, {}
        await self.device.control("advance", ms=61_000)
        await asleep(self.device)
        return 504, {"error": "no answer"}


@pytest.mark.parametrize("keeps_awake", [True, False])
def test_a_watch_that_has_fallen_asleep_before_it_was_paired_is_started_again(tmp_path, keeps_awake):
    async def main():
        stage = Stage()
        async with Device("watch", state_dir=tmp_path / "watch", rate=0) as watch:
            await watch.ready()
            stage.page = Hub(watch, keeps_awake)
            await stage._pair(watch)
            assert stage.page.asked == 2 and watch.starts == 2

    if keeps_awake:
        asyncio.run(main())
    else:
        with pytest.raises(HostError, match="does not pair with watch: no answer"):
            asyncio.run(main())
