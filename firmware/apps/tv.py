"""TV: power, volume, a title on the screen, and a remote control whose keys are events."""

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


class Remote:
    async def run(self, app):
        while True:
            key = app.dev.keys()
            if key in app.table["input"].options:
                app.emit("input", key)
            await app.clock.sleep_ms(50)


app.use(Remote())
