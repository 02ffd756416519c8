"""The physical world around a simulated device: named signals, their physics, the pins on them. Unix port only.

The world outlives the device: it is kept in a host file, so water stays hot while a kettle restarts.
"""

import errno
import json
import math


class Room:
    """Nothing changes by itself."""

    initial = {"relay": False, "probe_mv": 200, "led_percent": 0, "button": False}

    def step(self, signals, s):
        pass


class Kettle:
    """Water heated by a relay's element, watched by a 10 mV/K thermometer. Newton's law of cooling, solved exactly."""

    AMBIENT = 20.0
    ELEMENT_W = 2000.0
    LOSS_W_PER_K = 1.5
    LITRE_J_PER_K = 4186.0

    initial = {"water_c": AMBIENT, "litres": 1.0}

    def step(self, signals, s):
        steady = self.AMBIENT + (self.ELEMENT_W if signals["relay"] else 0) / self.LOSS_W_PER_K
        decay = math.exp(-s * self.LOSS_W_PER_K / (signals["litres"] * self.LITRE_J_PER_K))
        signals["water_c"] = min(100.0, steady + (signals["water_c"] - steady) * decay)
        signals["probe_mv"] = int(signals["water_c"] * 10)


_MODELS = {"kettle": Kettle}
_OUTPUTS = ("relay", "led_percent")
_SAVE_EVERY_MS = 500


class World:
    """Signals by name, stepped by the clock whenever one is looked at.

    file: open host file in which the signals are kept, JSON with the wall time of the last step.
    """

    def __init__(self, model, clock, file):
        self._physics = _MODELS.get(model, Room)()
        self._clock = clock
        self._file = file
        self._at = clock.ms()
        self._saved = 0
        self._failing = set()
        self._signals = dict(Room.initial)
        self._signals.update(self._physics.initial)
        file.seek(0)
        kept = file.read()
        if kept:
            past = json.loads(kept)
            for name in self._signals:
                if name not in _OUTPUTS:  # an output has no power while the device is off
                    self._signals[name] = past["signals"][name]
            if clock.wall() is not None:
                self._physics.step(self._signals, max(0, clock.wall() - past["wall"]))

    def get(self, name):
        """The signal's value; OSError(EIO) while it is made to fail."""
        self._step()
        if name in self._failing:
            raise OSError(errno.EIO)
        return self._signals[name]

    def put(self, name, value):
        if name not in self._signals:
            raise ValueError("no signal %s; there are %s" % (name, ", ".join(sorted(self._signals))))
        self._step()
        self._signals[name] = value
        self._save()

    def fail(self, name, failing):
        if failing:
            self._failing.add(name)
        else:
            self._failing.discard(name)

    def signals(self):
        self._step()
        return self._signals

    def _step(self):
        now = self._clock.ms()
        if now > self._at:
            self._physics.step(self._signals, (now - self._at) / 1000)
            self._at = now
            if now - self._saved >= _SAVE_EVERY_MS:
                self._save()

    def _save(self):
        self._saved = self._at
        text = json.dumps({"wall": self._clock.wall() or 0, "signals": self._signals})
        self._file.seek(0)
        self._file.write("{:<511}\n".format(text))


class Switch:
    def __init__(self, world, signal):
        self._world = world
        self._signal = signal
        self(False)

    def __call__(self, on):
        self._world.put(self._signal, on)


class Led(Switch):
    def __call__(self, percent):
        self._world.put(self._signal, int(percent))


class Button:
    def __init__(self, world, signal):
        self._world = world
        self._signal = signal

    def __call__(self):
        return self._world.get(self._signal)


class Adc(Button):
    def read_mv(self):
        return self._world.get(self._signal)
