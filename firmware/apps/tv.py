"""TV: power, volume, a title on the screen, a remote control whose keys are events, and game pads."""

from tos import App

app = App("tv", needs=("relay", "speaker", "display", "keys"))
app.event("input", options=("up", "down", "left", "right", "ok", "back"), device_class="button")


@app.write("power", initial=False, depends=())
def power(dev, on):
    dev.relay(on)


@app.write("volume", initial=20, safe=0, minimum=0, maximum=100, step=1, unit="%", keep=True, depends=())
def volume(dev, percent):
    dev.speaker(percent)


@app.write("now_showing", initial="", depends=())
def now_showing(dev, title):
    dev.display(title)


APPS = ("tv", "films", "music", "games")
app.value("app", initial="tv", options=APPS, writable=True)


@app.pad
def pad(dev, pad):
    step = 5 * (pad.pressed("up") - pad.pressed("down"))
    if step:
        app.set("volume", min(100, max(0, app.get("volume") + step)), "pad")
    if pad.pressed("back"):  # a controller says "select" on it
        app.set("app", APPS[(APPS.index(app.get("app")) + 1) % len(APPS)], "pad")


class Remote:
    async def run(self, app):
        while True:
            key = app.dev.keys()
            if key in app.table["input"].options:
                app.emit("input", key)
            await app.clock.sleep_ms(50)


app.use(Remote())
