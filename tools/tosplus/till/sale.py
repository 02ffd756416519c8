"""A sale from the tap to the answer, and what is owed of earlier ones."""

import os
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from .. import money
from ..errors import HostError, Unreachable, UsageFault
from . import tap
from .book import Book, Entry
from .pcsc import CardGone, NoCard, Pcsc
from .service import Denied, TokenService

Say = Callable[[str], None]
_PAUSE_S = 0.5  # a device that has just refused stays in the field


class Terminal(NamedTuple):
    """merchant, terminal: as the service has them for this till's secret. customer_s: how long a tap is waited for.
    answer_s: how long the service is asked."""

    merchant: str
    terminal: str
    currency: money.Currency
    customer_s: float
    answer_s: float


class Till:
    """say: what a person at the terminal should know, a line."""

    def __init__(self, book: Book, service: TokenService, say: Say) -> None:
        self._book, self._service, self._say = book, service, say

    def owed(self) -> int:
        return len(self._book.owed())

    def settle(self) -> None:
        """Send what is owed; what the service does not answer stays owed."""
        why: HostError | None = None
        for entry in self._book.owed():
            try:
                self._send(entry)
            except Denied as e:
                why = e
            except Unreachable as e:
                why = e
                break
        if why:
            self._say(f"{self.owed()} still to be told the token service: {why}")

    def undo(self, kind: str, number: str, text: str | None = None) -> Entry:
        """A void or a refund; owed when no answer comes. text: the amount, all of it by default. Raises HostError."""
        sale = self._book.sale(number)
        if sale is None:
            raise UsageFault(f"no sale in this till's list has the number {number}")
        if any(entry.number == number for entry in self._book.owed()):
            raise Unreachable(f"something about {number} is still on its way; nothing new was begun")
        amount = sale.amount if text is None else money.positive(text, money.currency(sale.currency))
        key = self._book.begin(kind, sale.currency, amount, number)
        self.settle()
        return self._book.get(key)

    def take(self, pcsc: Pcsc, reader: str, terminal: Terminal, amount: int) -> Entry | None:
        """None: nobody tapped in time. Raises HostError."""
        until = time.monotonic() + terminal.customer_s
        sale = Sale(self._book, self._service, self._say, terminal, amount)
        self._say("Hold the device to the reader")
        told = ""
        while time.monotonic() < until:
            if not pcsc.has_card(reader):
                continue
            try:
                with pcsc.card(reader) as card:
                    key = sale.tap(card.send)
                self.settle()
                return self._book.get(key)
            except NoCard:
                continue
            except CardGone:
                words = "The device was away too early: press its button, then tap again"
            except tap.Refused as e:
                words = f"Not yet: {e}"
            except tap.Malformed as e:
                words = f"This card does not pay here: {e}"
            if words != told:  # the same device stays in the field
                self._say(words)
            told = words
            time.sleep(_PAUSE_S)
        sale.leave()
        return None

    def _send(self, entry: Entry) -> None:
        if entry.kind == "sale":
            assert entry.ending and entry.token and entry.atc
            answer = self._service.ask("/y/reverse", {0: entry.ending, 1: entry.token, 2: entry.atc, 3: entry.key})
            self._book.end(entry.key, "reversed", answer[1])
            return
        told: dict[int, Any] = {0: entry.key, 1: entry.number}
        if entry.kind == "refund":
            told[2] = entry.amount
        answer = self._service.ask(f"/y/{entry.kind}", told)
        self._book.end(entry.key, "done" if answer[0] else "refused", answer[1])


class Sale:
    """One amount, until a device has given a cryptogram for it; that is asked for once."""

    def __init__(self, book: Book, service: TokenService, say: Say, terminal: Terminal, amount: int) -> None:
        self._book, self._service, self._say = book, service, say
        self._terminal, self._amount = terminal, amount
        self._key: bytes | None = None

    def tap(self, send: tap.Send) -> bytes:
        """send: a command to the card. -> the entry's key; answered, or to be reversed. Raises CardGone, tap.Refused,
        tap.Malformed when there is no cryptogram, and there may be another tap."""
        about, date = self._terminal, time.strftime("%y%m%d", time.gmtime())
        asked = tap.pdol(about.merchant, about.terminal, self._amount, about.currency.number, date, os.urandom(4))
        tap.choose(send)
        key = self._key = self._key or self._book.begin("sale", about.currency.code, self._amount)
        try:
            made = tap.ask(send, asked)
        except tap.Refused:
            raise
        except BaseException:  # there may be one that nobody has seen
            self.leave("lost")
            raise
        self._book.tapped(key, made.token, made.atc)
        try:
            tap.check(send, made, date)
            self._say("Asking the token service")
            answer = self._service.authorise(key, made.request, about.answer_s, self._say)
        except (CardGone, tap.Refused, tap.Malformed, Unreachable, Denied) as e:
            self._say(f"The payment is taken back: {str(e) or 'the device was away too early'}")
            self._book.end(key, "reversing")
        else:
            state = "approved" if answer[0] else "declined"
            self._book.answered(key, state, answer[1], answer.get(4), answer.get(5))
        return key

    def leave(self, state: str = "refused") -> None:
        """No cryptogram has come."""
        if self._key:
            self._book.end(self._key, state)
        self._key = None
