"""The world around a simulated device: named signals, kept while it is off, and the pins on them. Unix port only.

What changes by itself is in physics.py. The world outlives the device: it is kept in a host file, so water stays hot
while a kettle restarts.
"""

import errno
import json

from tos.ports.unix.physics import MODELS, Room

_SAVE_EVERY_MS = 500


class World:
    """Signals by name, stepped by the clock whenever one is looked at.

    model: the app's name, which chooses the physics. ambient_c: the room at this start. slept_ms: how long the device
    was in deep sleep before.
    file: open host file in which the signals are kept, JSON with the wall time of the last step.
    """

    def __init__(self, model, clock, file, ambient_c, slept_ms):
        self._physics = MODELS.get(model, Room)()
        self._clock = clock
        self._file = file
        self._at = clock.ms()
        self._saved = 0
        kept = dict(Room.inputs)
        kept.update(self._physics.initial)
        file.seek(0)
        text = file.read()
        past = json.loads(text) if text else {"wall": 0, "signals": {}}
        self._failing = set(past.get("failing", ()))
        for name in kept:  # a file from before a signal was invented lacks it
            kept[name] = past["signals"].get(name, kept[name])
        kept["ambient_c"] = ambient_c
        self._signals = dict(Room.outputs)  # an output has no power while the device is off
        self._signals.update(kept)
        self._kept = kept.keys()
        if slept_ms:
            self._physics.step(self._signals, slept_ms / 1000)
        elif text and clock.wall() is not None:
            self._physics.step(self._signals, max(0, clock.wall() - past["wall"]))
        self._signals["awake"] = True

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
        self.save()

    def fail(self, name, failing):
        if failing:
            self._failing.add(name)
        else:
            self._failing.discard(name)
        self.save()

    def failing(self):
        return sorted(self._failing)

    def signals(self):
        self._step()
        return self._signals

    def _step(self):
        now = self._clock.ms()
        if now > self._at:
            self._physics.step(self._signals, (now - self._at) / 1000)
            self._at = now
            if now - self._saved >= _SAVE_EVERY_MS:
                self.save()

    def save(self):
        self._saved = self._at
        signals = {name: self._signals[name] for name in self._kept}
        text = json.dumps({"wall": self._clock.wall() or 0, "signals": signals, "failing": self.failing()})
        self._file.seek(0)
        self._file.write("{:<1023}\n".format(text))  # this Python cannot truncate: spaces cover what was there


class Pin:
    def __init__(self, world, signal):
        self._world = world
        self.signal = signal


class Switch(Pin):
    def __call__(self, on):
        self._world.put(self.signal, on)


class Level(Pin):
    def __call__(self, percent):
        self._world.put(self.signal, int(percent))


class Display(Pin):
    def __call__(self, text):
        self._world.put(self.signal, text)


class Button(Pin):
    def __call__(self):
        return self._world.get(self.signal)


class Keys(Button):
    """The signal is a list of keys; each call takes the first."""

    def __call__(self):
        keys = self._world.get(self.signal)
        if keys:
            self._world.put(self.signal, keys[1:])
            return keys[0]


class Adc(Button):
    def read_mv(self):
        return round(self._world.get(self.signal))
