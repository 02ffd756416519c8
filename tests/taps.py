"""Simulated PN532s in a field of their own, in a thread, and what sits at their serial ports."""

import asyncio
import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
from pathlib import Path

import nfc
from nfc.clf import pn532
from nfc.clf.transport import TTY
from tosplus.paths import ROOT
from tosplus.sim.pn532.air import Air
from tosplus.sim.pn532.chip import Pn532
from tosplus.sim.process import micropython

_SOON_S = 60
_PATH = "{0}/lib:{0}/firmware:{0}/firmware/tos/ports/unix:.frozen"


class Field:
    """with Field() as field: two chips, field.card and field.reader, near each other."""

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._folder = tempfile.TemporaryDirectory()
        self._stack = contextlib.AsyncExitStack()
        self.run(self._open())
        return self

    def __exit__(self, *_):
        self.run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    async def _open(self):
        self.air = await self._stack.enter_async_context(Air(Path(self._folder.name) / "air"))
        self.card = await self._stack.enter_async_context(Pn532(self.air.path))
        self.reader = await self._stack.enter_async_context(Pn532(self.air.path))

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SOON_S)

    def do(self, function, *arguments):
        """Call it where the chips are."""

        async def call():
            return function(*arguments)

        return self.run(call())


class Tty(TTY):
    """nfcpy's, with patience: it waits 100 ms for an acknowledge, and a busy machine is slower than a chip."""

    def read(self, timeout):
        return super().read(2000 if timeout == 100 else timeout)


@contextlib.contextmanager
def nfcpy(chip):
    """A frontend at that chip; nfcpy has no name for a terminal like ours."""
    frontend = nfc.ContactlessFrontend()
    frontend.device = pn532.init(Tty(chip.path))
    try:
        yield frontend
    finally:
        frontend.close()


def libnfc(program, chip, *arguments):
    """It runs with that chip; its output is one pipe."""
    environment = {**os.environ, "LIBNFC_DEFAULT_DEVICE": f"pn532_uart:{chip.path}"}
    return subprocess.Popen(
        [program, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


class Firmware:
    """tests/nfc_target.py on MicroPython at a chip: a card that answers as the test says, or a reader."""

    def __init__(self, chip, role):
        self._process = subprocess.Popen(
            [micropython(), str(Path(__file__).with_name("nfc_target.py")), chip.path, role],
            env={**os.environ, "MICROPYPATH": _PATH.format(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._lines = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self._process.stdout:
            self._lines.put(json.loads(line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        self._process.kill()
        self._process.wait()

    def told(self):
        """The next thing that it says."""
        return self._lines.get(timeout=_SOON_S)

    def tell(self, **request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def ask(self, **request):
        self.tell(**request)
        return self.told()

    def exchange(self, command):
        """-> the answer, or None when the field was lost."""
        answer = self.ask(exchange=command.hex())
        return None if answer.get("lost") else bytes.fromhex(answer["answer"])


def wants(size, data=b""):
    """A command that the card of nfc_target.py answers with so many bytes."""
    return b"\x80\x10" + size.to_bytes(2, "big") + data


def gives(command, size):
    return bytes((n * 7 + len(command)) & 255 for n in range(size)) + b"\x90\x00"
