"""What a till keeps of a tap (GET /y/tap): a card and a terminal of ours, met in memory; who answers is the test."""

import cbor2
from helpers import aes
from toscore import emv
from toscore.card import Card
from toscore.terminal import Refused, Sale

NUMBER = "9999990000000017"
BEGAN = 1_795_000_000
KEY = bytes(range(16))
COMMAND, ANSWER, REQUEST, REPLY, REVERSAL, REVERSED, LOST = range(7)
APPROVED = {0: True, 1: 0, 2: b"\x00\x80\x00\x00", 3: bytes(8), 4: "01a1ee565e00e6b7", 5: "A1B2C3"}
DECLINED = {0: False, 1: 3, 2: b"\x00\x20\x00\x00", 3: bytes(8), 4: "01a1ee565e00e6b8"}


class _Purse:
    limit, currency = 2500, b"\x09\x78"

    def __init__(self, number):
        self.token = emv.Token(aes, number, 1, "311231", "12345678901", 1, 1, bytes(16))

    def armed(self):
        return True

    def checked(self):
        return False

    def take(self):
        return 7

    def asks(self, pdol):
        pass

    def gave(self, atc, ac, pdol):
        pass


def tapped(amount=7, reply=APPROVED, number=NUMBER, terminal="TILL0001", merchant="CAMPUS"):
    """[began, rows] of a tap. Each message is 11 ms after the one before."""
    sale = Sale(merchant, terminal, amount, "261121", b"\x12\x34\x56\x78")
    card, out, rows = Card(_Purse(number)), bytearray(258), []

    def row(kind, data):
        rows.append([11 * len(rows), kind, data])

    command = sale.step(b"")
    while command:
        row(COMMAND, command)
        size = card.step(command, out)
        row(ANSWER, bytes(out[:size]))
        try:
            command = sale.step(rows[-1][2])
        except Refused:
            return [BEGAN, rows]
    row(REQUEST, cbor2.dumps({0: KEY, **dict(sorted(sale.request.items()))}))
    row(REPLY, cbor2.dumps(reply))
    return [BEGAN, rows]


def torn(was_held=True):
    """The field went behind GET PROCESSING OPTIONS: the till takes back what may have been given."""
    began, rows = tapped()
    at = next(n for n, row in enumerate(rows) if row[1] == COMMAND and row[2][1] == 0xB2)
    rest = [
        (LOST, b""),
        (REVERSAL, cbor2.dumps({0: bytes(b ^ 255 for b in KEY), 1: NUMBER, 2: 7, 3: KEY})),
        (REVERSED, cbor2.dumps({0: was_held, 1: 0})),
    ]
    return [began, rows[: at + 1] + [[rows[at][0] + 50 * n, *each] for n, each in enumerate(rest, 1)]]
