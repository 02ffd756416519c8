"""Fridge: a compressor that follows a thermometer, a light that follows the door."""

from tos import App

app = App("fridge", needs=("relay", "probe", "door", "led"))


@app.read("temp", unit="°C", device_class="temperature", minimum=-10, maximum=50, period_ms=5000)
def temp(dev):
    return dev.probe.read_mv() / 10


@app.read("door", type="binary_sensor", device_class="door", period_ms=200)
def door(dev):
    return dev.door()


@app.write("compressor", initial=False, depends=("temp",), origins=("app",))
def compressor(dev, on):
    dev.relay(on)


@app.write("light", initial=False, depends=("door",))
def light(dev, on):
    dev.led(100 if on else 0)


@app.when("temp", above=6)
def warm(dev, value):
    app.set("compressor", True)


@app.when("temp", below=3)
def cold(dev, value):
    app.set("compressor", False)


app.rule("door", equals=True, set="light", to=True)
app.rule("door", equals=False, set="light", to=False)
