"""No secret is where it has no business: several processes live through pairing, use, errors and a restart, and then
all that they wrote and said is searched. tests/leaks.py finds one that was put there, in each sink and form."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import httpx
import pytest
from desk import desk
from leaks import Evidence, forms
from soon import until
from tosplus import ports
from tosplus.link.credentials import Store
from tosplus.link.pairing_code import encode, parse


class Programs:
    """`tos ...` in a folder; what they print is in files beside it."""

    def __init__(self, folder):
        self.folder, self.running = folder, []
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}

    def start(self, name, *arguments):
        with open(self.folder / f"{name}.out", "ab") as out:
            command = [sys.executable, "-m", "tosplus", *arguments]
            process = subprocess.Popen(command, cwd=self.folder, stdout=out, stderr=out, env=self.environment)
        self.running.append(process)
        return process

    def run(self, name, *arguments, text=""):
        command = [sys.executable, "-m", "tosplus", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, input=text, capture_output=True, text=True, env=self.environment, timeout=100
        )
        with open(self.folder / f"{name}.out", "a") as out:
            out.write(done.stdout + done.stderr)
        return done

    def said(self, name):
        return (self.folder / f"{name}.out").read_text()

    def end(self):
        for process in self.running:
            process.send_signal(signal.SIGINT)
        for process in self.running:
            try:
                process.wait(30)
            finally:
                process.kill()


def code_of(folder, name):
    log = folder / ".tos" / "home" / name / "console.log"
    return until(lambda: log.exists() and re.search(r"Pairing code: (\S+)", log.read_text()))[1]


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """(folder, the answers of the hub, secrets, texts) of a kettle and a lamp, a hub, and somebody at a terminal."""
    folder = desk(tmp_path_factory.mktemp("leaks"))
    programs, answers = Programs(folder), []
    port, coap = ports.free(socket.SOCK_STREAM), ports.free()
    hub = ("hub", "--json", "--port", str(port), "--coap-port", str(coap), "--state", "hub")
    try:
        for app in ("kettle", "lamp"):
            programs.start(f"sim-{app}", "sim", app, "--hub", "")
        programs.start("hub", *hub)
        codes = {app: code_of(folder, app) for app in ("kettle", "lamp")}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=60) as http:

            def ask(method, path, **body):
                answers.append(http.request(method, path, json=body or None))
                return answers[-1]

            until(lambda: "page" in programs.said("hub"))
            for wrong in (codes["lamp"][:-1], encode(parse(codes["lamp"]).device_id, bytes(range(16)))):
                assert ask("POST", "/pair", code=wrong).status_code >= 400
                programs.run("tos", "pair", text=wrong + "\n")
            assert ask("POST", "/pair/check", code=codes["lamp"]).status_code == 200
            lamp = ask("POST", "/pair", code=codes["lamp"]).json()["id"]
            done = programs.run("tos", "pair", "--name", "laptop", text=codes["kettle"] + "\n")
            assert done.returncode == 0, done.stderr
            assert ask("POST", "/pair", code=codes["kettle"]).status_code == 409  # it has an owner
            programs.run("tos", "dev", "ls", "--json")
            for verb in ("get", "log", "peers", "rules"):
                assert programs.run("tos", "dev", verb, "kettle").returncode == 0
            assert programs.run("tos", "dev", "get", "lamp").returncode == 1  # it is the hub's
            assert programs.run("tos", "dev", "watch", "kettle", "--count", "1").returncode == 0
            until(lambda: ask("GET", f"/devices/{lamp}/peers").status_code == 200)
            ask("PUT", f"/devices/{lamp}/s/brightness", value=1)
            ask("PUT", f"/devices/{lamp}/s/nothing", value=1)
            programs.running[-1].kill()
            programs.running[-1].wait()
            programs.start("hub", *hub)
            until(lambda: programs.said("hub").count("page") == 2)
            for path in ("/house", "/events", "/health", f"/devices/{lamp}/log", f"/devices/{lamp}/history/brightness"):
                ask("GET", path)
            until(lambda: ask("GET", f"/devices/{lamp}/peers").status_code == 200)
    finally:
        programs.end()
    secrets, texts = {}, {}
    for app, code in codes.items():
        secrets[f"{app}'s pairing secret"] = parse(code).secret
        texts[f"{app}'s code"] = code.split(":")[3][:-1]
    for who, store in (("hub", Store(folder / "hub" / "peers")), ("laptop", Store(folder / ".tos" / "peers"))):
        [id] = store.ids()
        credentials = store.credentials(id)
        secrets[f"{who}'s master secret"] = store.get(id).context.secret
        secrets[f"{who}'s sender key"] = credentials.sender_key
        secrets[f"{who}'s recipient key"] = credentials.recipient_key
    return folder, answers, secrets, texts


def evidence(lived):
    folder, answers, secrets, texts = lived
    found = Evidence(secrets, texts)
    found.files(folder)
    for answer in answers:
        found.answer(answer)
    return found


def test_nothing_that_was_written_or_said_has_a_secret_in_it(lived):
    found = evidence(lived)
    names = " ".join(found.sinks)
    for sink in ("hub/hub.db", "hub.out", "sim-lamp.out", "tos.out", "console.log", "world.json", "POST", ".sent"):
        assert sink in names, sink
    assert found.leaks() == []


def test_keys_are_where_they_are_kept(lived):
    folder, _, secrets, _ = lived
    kept = (folder / "hub" / "peers").glob("*.json")
    assert any(secrets["hub's master secret"].hex() in file.read_text() for file in kept)


FORMS = sorted(forms(bytes(16)))


@pytest.mark.parametrize("form", FORMS)
def test_a_leak_is_found_in_each_sink(lived, form):
    folder, answers, secrets, _ = lived
    for name, secret in list(secrets.items())[:2]:
        data = forms(secret)[form]
        wanted = f"{name} as {form}"
        sinks = ["hub.out", "tos.out", "sim-lamp.out", ".tos/home/lamp/console.log", ".tos/home/lamp/world.json"]
        for sink in [*sinks, "hub/hub.db", "hub/new.log"]:
            file = folder / sink
            before = file.read_bytes() if file.exists() else None
            try:
                if sink == "hub/hub.db":
                    with sqlite3.connect(file) as connection:
                        row = (time.time(), "warning", data)
                        connection.execute("INSERT INTO events (at, kind, value) VALUES (?, ?, ?)", row)
                    connection.close()
                else:
                    file.write_bytes((before or b"") + b"E (123) x=" + data + b"\n")
                found = Evidence({name: secret}, {})
                found.files(folder)
                assert any(leak.endswith(wanted) for leak in found.leaks()), (sink, wanted)
            finally:
                if before is None:
                    file.unlink()
                else:
                    file.write_bytes(before)
        request = httpx.Request("GET", "http://127.0.0.1/x")
        for response in (
            httpx.Response(200, content=b"{" + data, request=request),
            httpx.Response(200, headers=[(b"x-debug", data)], request=request) if data.isalnum() else None,
            httpx.Response(200, request=httpx.Request("GET", "http://127.0.0.1/x?k=" + data.decode()))
            if data.isalnum()
            else None,
        ):
            if response:
                found = Evidence({name: secret}, {})
                found.answer(response)
                assert found.leaks(), (name, form)


def test_a_code_is_found_with_and_without_its_dashes(lived):
    _, _, _, texts = lived
    for name, text in texts.items():
        for said in (text, text.lower(), text.replace("-", ""), text.replace("-", " ")):
            found = Evidence({}, {name: text})
            found.output("program", b"x " + said.encode() + b" y")
            assert found.leaks() == [f"program: {name} as text"]
        found.output("program", f"Pairing code: tos:v1:lamp:{text}A\n".encode())
        assert found.leaks() == []
