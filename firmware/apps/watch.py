"""Watch: two buttons, a line of text, a battery, a motor that taps the wrist. Button b arms it to pay, and confirms.

It sleeps when nobody uses it.
"""

from tos import App
from tos.pay import Pay
from tos.sleep import Sleep

app = App("watch", needs=("button_a", "button_b", "display", "battery", "vibration", "nfc"))
app.use(Sleep(after_ms=60000, every_ms=600000, wake=("button_a", "button_b")))
app.event("pressed", options=("a", "b"), device_class="button")


@app.read("a", type="binary_sensor", period_ms=50)
def a(dev):
    return dev.button_a()


@app.read("b", type="binary_sensor", period_ms=50)
def b(dev):
    return dev.button_b()


@app.read("battery", unit="%", device_class="battery", minimum=0, maximum=100, period_ms=60000)
def battery(dev):
    return max(0, min(100, (dev.battery.read_mv() - 3300) // 9))  # 3.3 V is empty, 4.2 V full


@app.write("text", initial="", depends=())
def text(dev, line):
    dev.display(line)


@app.write("vibration", initial=False, depends=())
def vibration(dev, on):
    dev.vibration(on)


@app.when("a", equals=True)
def pressed_a(dev, value):
    app.emit("pressed", "a")


@app.when("b", equals=True)
def pressed_b(dev, value):
    app.emit("pressed", "b")
    pay.press()


# Last, so that what was declared before keeps its place.
pay = app.use(Pay(screen="text", buzz="vibration"))
