"""Till: an amount, typed on its keys or written over the link; a tap pays it. Two lines of text for the customer."""

from tos import App
from tos.till import Till

app = App("till", needs=("keys", "display", "nfc"))
app.event("entered", options=("ok",), device_class="button")


@app.write("text", initial="", depends=())
def text(dev, line):
    dev.display(line)


# Whole cents: money is never a float.
@app.write("amount", initial=0, minimum=0, maximum=999999, step=1, unit="ct", depends=())
def amount(dev, cents):
    dev.display("%d.%02d" % (cents // 100, cents % 100))


class Keypad:
    async def run(self, app):
        while True:
            key = app.dev.keys()
            if key:
                till.press(key)
                if key == "ok":
                    app.emit("entered", key)
            await app.clock.sleep_ms(50)


app.use(Keypad())
# Last, so that what was declared before keeps its place.
till = app.use(Till(amount="amount", screen="text"))
