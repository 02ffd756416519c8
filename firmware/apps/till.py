"""Till: an amount, typed on its keys or written over the link, and a line of text for the customer."""

from tos import App

app = App("till", needs=("keys", "display"))
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
            if key == "ok":
                app.emit("entered", key)
            elif key == "clear":
                app.set("amount", 0)
            elif key and key.isdigit() and app.get("amount") < 100000:
                app.set("amount", app.get("amount") * 10 + int(key))
            await app.clock.sleep_ms(50)


app.use(Keypad())
