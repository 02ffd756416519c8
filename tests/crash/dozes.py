"""A sleeper over many starts: no nonce twice, no command twice, no clock from a stranger. CPython.

Each life is one process (device/doze.py) from a start to a deep sleep. Between two of them the RTC memory lasts, if it
was the timer that ended the sleep, or is lost with the power; a cut in a life loses it too. What may not happen is
worked out here, from what outlives the device.
"""

import itertools
import json
import signal
from collections import Counter
from pathlib import Path

from tosplus.link.oscore import Context

from .lab import ERASED, FLASH_B, Died, run

_LIFE_S = 50
HUB = Context(b"sixteen bytes...", b"salt", b"\x00", b"\x01")
_KEY = HUB.derive(HUB.recipient, "Key", 16).hex()  # with which the device seals
POWER, WATCHDOG, TIMER = 0, 2, 4  # causes of a start
FORGED_WALL = 2_000_000_000


class Sleeper:
    """A device that sleeps after each life. told: what the last one answered; None when it was cut."""

    def __init__(self, folder, firmware):
        self._here = Path(folder)
        self._here.mkdir(parents=True)
        self._firmware = firmware
        self._ids = itertools.count(1)
        self._cut = False
        self.lives = 0
        self.told = None
        (self._here / "image").write_bytes(ERASED * FLASH_B)
        for name in ("seals", "rtc", "done", "hub"):
            (self._here / name).touch()

    @property
    def rtc(self):
        data = (self._here / "rtc").read_bytes()
        return data[1 : 1 + data[0]] if data else b""

    @rtc.setter
    def rtc(self, data):
        (self._here / "rtc").write_bytes(bytes([len(data)]) + data)

    def image(self):
        return (self._here / "image").read_bytes()

    def lives_on(self, cause=TIMER, commands=0, **order):
        """One more life, with so many new commands -> what it told; None when it was cut. Raises Died."""
        if self._cut or cause == POWER:
            self.rtc = b""
            cause = cause if cause != TIMER else POWER
        order |= {name: str(self._here / name) for name in ("image", "seals", "rtc", "done", "hub")}
        order |= {name: getattr(HUB, name).hex() for name in ("secret", "salt", "sender", "recipient")}
        order |= {"life_n": self.lives, "cause": cause, "fresh": self.lives == 0}
        order["commands"] = [[n, 0, n] for n in itertools.islice(self._ids, commands)]
        self.lives += 1
        done = run("doze", order, self._firmware, _LIFE_S)
        self._cut = bool(order.get("cut")) and done.returncode == -signal.SIGKILL
        self.told = None
        if not self._cut:
            if done.returncode:
                raise Died(f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
            self.told = json.loads(done.stdout.splitlines()[-1])
        return self.told

    def done(self):
        """The commands that were carried out, in their order."""
        return [int(line) for line in (self._here / "done").read_text().split()]

    def acknowledged(self):
        """The highest that the hub was told is done; 0 when none is."""
        lines = (self._here / "hub").read_text().splitlines()
        return json.loads(lines[-1]).get("acknowledged", 0) if lines else 0

    def faults(self):
        """What is wrong with all that happened so far."""
        seals = Counter(line for line in (self._here / "seals").read_text().splitlines() if line.startswith(_KEY))
        found = [f"nonce {seal.split()[1]} was used {n} times" for seal, n in seals.items() if n > 1]
        done = self.done()
        if done != sorted(set(done)):
            found.append(f"commands were done as {done}")
        if self.acknowledged() > max(done, default=0):
            found.append(f"command {self.acknowledged()} was acknowledged, and not done")
        if self.told:
            found += self.told["wrong"]
            if self.told["wall"] == FORGED_WALL:
                found.append("a stranger set the clock")
        return found
