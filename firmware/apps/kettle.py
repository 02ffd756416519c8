"""Kettle: one relay, one thermometer."""

from tos import App

app = App("kettle", needs=("relay", "probe"))
app.value("boils", initial=0, keep=True)


@app.read("temp", unit="°C", device_class="temperature", minimum=-10, maximum=150, period_ms=2000)
def temp(dev):
    return dev.probe.read_mv() // 10


@app.write("power", initial=False)
def power(dev, on):
    dev.relay(on)


@app.when("temp", above=98)
def boiled(dev, value):
    if app.get("power"):
        app.set("boils", app.get("boils") + 1)
    app.set("power", False)
