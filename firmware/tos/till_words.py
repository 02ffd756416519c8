"""What a till shows: four lines of sixteen letters for whoever stands in front of it. MicroPython."""

# Reasons of a token service, docs/payments.md; and codes of a card that cannot pay like this.
_WHY = {
    0: "", 1: "Signature wrong", 2: "Unknown card", 3: "Card suspended", 4: "Card revoked", 5: "Card expired",
    6: "Card needs new\nkey: go online", 7: "Used before:\ntap again", 8: "Over its limit", 9: "Too many taps:\nwait",
    10: "Other currency", 11: "Wrong till", 12: "Confirm on your\ndevice, then tap", 13: "Card declines",
    14: "Account refuses", 15: "Taken back", 16: "Merchant has\nno terms",
    251: "Not ready: press\nits button, tap", 252: "Confirm on your\ndevice, then tap", 253: "Other card:\ntry another",
    254: "Card expired", 255: "Card declines",
}  # fmt: skip
_CURRENCIES = {"0978": "EUR"}


def money(amount, currency=None):
    """Minor units -> "12.50 EUR"; of another currency its number."""
    text = "%d.%02d" % (amount // 100, amount % 100)
    return text if currency is None else "%s %s" % (text, _CURRENCIES.get(currency, currency))


def why(reason):
    return _WHY.get(reason, "Code %d" % reason)


def show(till, state, text):
    """state: of the resource `sale`."""
    app = till.app
    app.put(app.table["sale"], state)
    app.set(till.screen, text)


def receipt(till, terms, amount, word, row):
    """row: of a sale. One line."""
    number, approval = row[1], row[5]
    line = "%s %s %s" % (terms[4] or terms[1].rstrip(), money(amount, terms[2]), word)
    till.app.put(till.app.table["receipt"], " ".join([line] + [text for text in (approval, number) if text]))
