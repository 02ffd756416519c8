"""A simulated house and a hub, each a process of its own as a person starts it, for the browser tests."""

import contextlib
import json
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import httpx
from soon import until
from tosplus import ports, state


class _Process:
    """`tos ...` in a folder, where its output is in a file."""

    def __init__(self, folder, log):
        self.folder, self._log = folder, folder / log
        self.process = None

    def _start(self, *command):
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(["tos", *command], cwd=self.folder, stdout=log, stderr=log)

    def said(self):
        return self._log.read_text()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(60)
            finally:
                self.process.kill()
                self.process.wait()


class House(_Process):
    """`tos sim --house FILE`, reporting to a port. bench: its socket."""

    def __init__(self, folder, file, coap_port):
        super().__init__(folder, "house.log")
        self.bench = folder / "bench"
        self.names = {}  # by device id
        self._state = folder / ".tos" / file.stem
        self._start("sim", "--house", str(file), "--plain", "--bench", "bench", "--hub", f"127.0.0.1:{coap_port}")
        until(lambda: " ready  state" in self.said() or self.process.poll() is not None, "the house does not start")
        assert self.process.poll() is None, self.said()
        self.mend()

    def mend(self):
        """Plugged in, near each other, shut, and no probe broken."""
        assert self.process.poll() is None, f"the house ended with {self.process.returncode}: {self.said()}"
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.bench)), base_url="http://bench") as http:
            for id, device in http.get("/devices").json().items():
                self.names[id] = device["name"]
                for lever in device["levers"]:
                    right = lever["name"] in ("plug", "near")
                    if lever["kind"] == "toggle" and lever["value"] is not right:
                        http.post(f"/devices/{id}/{lever['name']}", json={"value": right})

    def put(self, id, signal, value):
        """Where the bench has no lever: hot water out, cold water in."""
        control = state.read(self._state / self.names[id]).control
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.settimeout(30)
            wire.sendto(json.dumps({"id": 1, "op": "set", "signal": signal, "value": value}).encode(), control)
            assert json.loads(wire.recv(2000))["ok"]


class Hub(_Process):
    """`tos hub` on ports that it keeps over restarts. more: options."""

    def __init__(self, folder, bench=None, more=()):
        super().__init__(folder, "hub.log")
        self.port, self.coap_port = ports.free(socket.SOCK_STREAM), ports.free()
        self.address = f"http://127.0.0.1:{self.port}"
        self.bench = bench
        self._more = more

    def start(self):
        """Until it answers; nothing where it runs."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        else:
            bench = ["--bench", str(self.bench)] if self.bench else []
            ports = "--port", str(self.port), "--coap-port", str(self.coap_port)
            self._start("hub", "--plain", *ports, "--state", "hub", *bench, *self._more)
        until(self._answers, f"the hub does not answer: {self.said()}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def suspend(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def ask(self, method, path, **body):
        """The API's answer, from beside the page."""
        data = json.dumps(body).encode() if body else None
        headers = {"Content-Type": "application/json"} if body else {}
        request = urllib.request.Request(f"{self.address}/api/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or "null")

    def devices(self):
        """{name: device object}"""
        return {device["name"]: device for device in self.ask("GET", "house")["devices"]}

    def _answers(self):
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            return self.ask("GET", "health")["ok"]
