"""What happens by itself around a simulated product: heat, a battery that empties. Unix port only; sees signals alone.

A model has `initial`, its own signals, and step(signals, s), which moves them on by s seconds. Every step is solved
exactly, so that it does not matter how often anybody looks.
"""

import math


class Room:
    """The pins of boards/UNIX, and nothing changes by itself."""

    outputs = {
        "awake": False, "relay": False, "led_percent": 0, "speaker_percent": 0, "vibration": False, "display": "",
    }  # fmt: skip
    inputs = {
        "ambient_c": 20.0, "probe_mv": 200, "battery_mv": 4200, "button": False, "button_a": False, "button_b": False,
        "door": False, "keys": [],
    }  # fmt: skip
    initial = {}

    def step(self, signals, s):
        pass


class Kettle:
    """A litre of water, heated by the relay's element, in a jug that loses little; 10 mV/K at the probe."""

    initial = {"water_c": 20.0, "litres": 1.0}

    def step(self, signals, s):
        element_w = 2000 if signals["relay"] else 0
        water_c = _settle(signals["water_c"], signals["ambient_c"], element_w, 1.5, signals["litres"] * 4186, s)
        signals["water_c"] = min(100.0, water_c)
        signals["probe_mv"] = int(signals["water_c"] * 10)


class Fridge:
    """Air and food, cooled by the relay's compressor; an open door lets ten times the heat in."""

    initial = {"inside_c": 20.0}

    def step(self, signals, s):
        compressor_w = -120 if signals["relay"] else 0
        loss_w_per_k = 15 if signals["door"] else 1.5
        inside_c = _settle(signals["inside_c"], signals["ambient_c"], compressor_w, loss_w_per_k, 20000, s)
        signals["inside_c"] = inside_c
        signals["probe_mv"] = max(0, int(inside_c * 10))


class Watch:
    """A cell of 200 mAh, 4.2 V when full and 3.3 V when empty, straight between."""

    initial = {}

    def step(self, signals, s):
        drawn_ma = 20 if signals["awake"] else 0.05
        drawn_ma += (5 if signals["display"] else 0) + (60 if signals["vibration"] else 0)
        signals["battery_mv"] = max(3300.0, signals["battery_mv"] - 900 * drawn_ma * s / 3600 / 200)


MODELS = {"kettle": Kettle, "fridge": Fridge, "watch": Watch}  # by the name of the app's file; others are in a Room


def _settle(now_c, ambient_c, power_w, loss_w_per_k, heat_j_per_k, s):
    """Newton's law of cooling: what is at now_c, after s seconds of power_w. A negative power cools."""
    steady_c = ambient_c + power_w / loss_w_per_k
    return steady_c + (now_c - steady_c) * math.exp(-s * loss_w_per_k / heat_j_per_k)
