"""`tos hub` as a person runs it, and the page's files."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import aiocoap
import pytest
from tosplus import ports
from tosplus.hub import report, web

from .fake import Fake
from .running import hub


def start(folder, *options):
    command = [sys.executable, "-c", "from tosplus.cli import main; main()", "hub", "--plain", "--state", str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*command, *options], **pipes, env=environment, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_what_happens_and_ends_cleanly(tmp_path, number):
    coap = ports.free()
    began = time.monotonic()
    process = start(tmp_path, "--port", "0", "--coap-port", str(coap))
    try:
        address = process.stdout.readline().split()[0]
        started_s = time.monotonic() - began  # a second, where the machine has time
        with urllib.request.urlopen(address + "api/health", timeout=10) as answer:
            assert json.load(answer)["ok"] is True

        async def visit():
            async with Fake(coap) as fake:
                line = await asyncio.to_thread(process.stdout.readline)
                assert line == f"kettle  live  {fake.address}\n"

        asyncio.run(asyncio.wait_for(visit(), 240))
        asked = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert err == "" and time.monotonic() - asked < 5 * max(1, started_s)
        assert process.returncode in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()


def test_a_second_one_says_what_to_do(tmp_path):
    first = start(tmp_path, "--port", "0", "--coap-port", str(ports.free()), "--json")
    try:
        assert json.loads(first.stdout.readline())["page"].startswith("http://127.0.0.1:")
        second = start(tmp_path, "--port", "0", "--coap-port", str(ports.free()))
        out, err = second.communicate(timeout=60)
        assert second.returncode == 1 and "another hub runs with" in err and "--state" in err
    finally:
        first.kill()
        first.communicate()


def test_the_page_is_served_and_not_sent_twice(tmp_path, monkeypatch):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("<!doctype html>")
    (tmp_path / "page" / "app.js").write_text("export {}")
    (tmp_path / "secret").write_text("x")
    monkeypatch.setattr(web, "_PAGE", tmp_path / "page")

    async def test():
        async with hub(tmp_path / "hub") as it:
            for path, kind in (("/", "text/html"), ("/page/app.js", "text/javascript")):
                first = await it.http.get(path)
                assert first.status_code == 200 and first.headers["content-type"].startswith(kind)
                assert first.headers["cache-control"] == "no-cache"
                again = await it.http.get(path, headers={"if-none-match": first.headers["etag"]})
                assert again.status_code == 304 and again.content == b""
            for path in ("/page/../secret", "/page/%2e%2e/secret", "/page//etc/passwd", "/page/"):
                assert (await it.http.get(path)).status_code == 404

    asyncio.run(asyncio.wait_for(test(), 240))


def test_there_is_an_end_to_how_many_devices_there_may_be(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "MOST", 1)

    async def test():
        async with hub(tmp_path) as it, Fake(it.coap):
            await it.live()
            other = Fake(None, id="other-1")
            other.hub_port, other.boot = it.coap, 1
            await other.bind()
            assert (await other.report()).code == aiocoap.TOO_MANY_REQUESTS
            await other.unbind()
            assert len((await it.house())["devices"]) == 1

    asyncio.run(asyncio.wait_for(test(), 240))
