"""Lamp: one dimmable light, one button that toggles it."""

from tos import App

app = App("lamp", needs=("led", "button"))
app.event("pressed", options=("press",))


@app.read("button", type="binary_sensor", period_ms=50)
def button(dev):
    return dev.button()


@app.write("light", initial=False, keep=True, depends=())
def light(dev, on):
    dev.led(app.get("brightness") if on else 0)


@app.write("brightness", initial=80, minimum=1, maximum=100, step=1, unit="%", keep=True, depends=())
def brightness(dev, percent):
    dev.led(percent if app.get("light") else 0)


@app.when("button", equals=True)
def pressed(dev, value):
    app.emit("pressed", "press")


app.rule("pressed", equals="press", set="light")
