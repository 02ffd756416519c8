"""Every product on the bench: its outputs are safe at boot and whenever it is told so. Unix port."""

import os

from rig import Board, Output

# What the outputs drive when they are safe, by feature; and values that are not safe, by path.
PRODUCTS = {
    "kettle": ({"relay": False}, {"power": True}),
    "lamp": ({"led": 0}, {"brightness": 50, "light": True}),
    "fridge": ({"relay": False, "led": 0}, {"compressor": True, "light": True}),
    "watch": ({"display": "", "vibration": False}, {"text": "hello", "vibration": True}),
    "tv": ({"relay": False, "speaker": 0, "display": ""}, {"power": True, "volume": 70, "now_showing": "News"}),
    "till": ({"display": "0.00"}, {"amount": 1250}),
}


def bound(name):
    """The product on a board of recorders, its sensors answered: (app, recorder by feature)."""
    app = getattr(__import__("apps." + name), name).app
    features = {feature: Output() for feature in app.needs}
    app._bind(Board({feature: lambda output=output: output for feature, output in features.items()}))
    return app, features


def test_every_product_is_here():
    assert sorted(PRODUCTS) == sorted(name[:-3] for name in os.listdir("firmware/apps") if name.endswith(".py"))


def test_outputs_are_safe_at_boot_and_after_make_safe():
    for name, (safe, busy) in PRODUCTS.items():
        app, features = bound(name)
        assert {feature: features[feature].told[-1] for feature in safe} == safe, name
        for r in app.table.rows:
            if r.period_ms:
                app.put(r, 20 if r.type == "sensor" else True)
        for path, value in busy.items():
            app.set(path, value)
        for feature in safe:
            assert features[feature].told[-1] != safe[feature], (name, feature)
        app.make_safe()
        assert {feature: features[feature].told[-1] for feature in safe} == safe, name
