"""One sale of a till: a card in its field, its cryptogram, what the token service says of it. MicroPython.

What is asked for is written down first: before the card makes a cryptogram, and its counter before the service hears of
it. So whatever is lost, and when, is reversed.
"""

import asyncio

from micropython import const
from tos import till_sales
from tos.ports import FieldLost
from tos.till_ask import ANSWER, ANSWERED, ASKED, COMMAND, LOST, ask, begin, note, outcome
from tos.till_words import money, receipt, show, why
from toscore import cbor_viper as cbor
from toscore.errors import StoreError, TosError, WireError
from toscore.terminal import Refused, Sale

_NOT_ARMED = const(251)
_OTHER_CARD = const(253)
_CONFIRM_FIRST = const(252)
_SALE_BEGAN = const(256)
_SALE_APPROVED = const(257)
_SALE_DECLINED = const(258)
_SALE_OFFLINE = const(260)
_SALE_LOST = const(459)

_CARD_MS = const(60000)  # so long it waits for a card
_FIND_MS = const(5000)
_PAUSE_MS = const(700)  # before it looks for a card again
_ASK_MS = const(12000)  # so long a customer waits for an answer
_AGAIN_MS = const(1000)


class _Ended(Exception):
    """(state, text): the sale is over without an answer of the service."""


async def sell(till, amount):
    """Until it is over. Cancelled, or whatever is raised: what may have been asked of the service is reversed."""
    app = till.app
    sales = till_sales.Sales(till)
    work = _Work(till, sales, till_sales.terms(till), amount)
    till.is_back = False
    app.log.event(_SALE_BEGAN, amount)
    try:
        await work.run()
    except _Ended as e:
        show(till, *e.args)
    except TosError as e:
        app.log.event(e.code)
        show(till, "failed", "Not possible now")
    except OSError:  # of the reader
        show(till, "failed", "Not possible now")
        raise
    except asyncio.CancelledError:
        show(till, "", "Cancelled")
        raise
    finally:
        work.close()


class _Work:
    """row: of the sale, once its cryptogram is asked for."""

    def __init__(self, till, sales, terms, amount):
        self._till = till
        self._app = till.app
        self._sales = sales
        self._terms = terms
        self._amount = amount
        self._row = None
        self._key = till.app.board.rng(16)

    async def run(self):
        app, nfc = self._app, self._app.dev.nfc
        async with nfc.lock:
            try:
                sale = await self._tap(nfc)
            finally:
                await nfc.silence()
                nfc.end()
        sale.request[0] = self._key
        body = cbor.dumps(sale.request)
        self._sales.update(self._row, {till_sales.TOKEN: sale.token, till_sales.ATC: sale.atc})
        show(self._till, "asks", "Please wait")
        found = await self._ask(body)
        if found is None:
            self._unanswered(body)
            return
        approved, reason, number, code = found
        changes = {till_sales.NUMBER: number, till_sales.APPROVAL: code}
        self._sales.settle(self._row, till_sales.APPROVED if approved else till_sales.DECLINED, changes)
        if approved:
            app.log.event(_SALE_APPROVED, self._amount)
            self._sold("approved", "Approved")
        else:
            app.log.event(_SALE_DECLINED, reason)
            receipt(self._till, self._terms, self._amount, "declined", self._row)
            show(self._till, "declined", "Declined:\n" + why(reason))

    async def _tap(self, nfc):
        """-> a Sale that has a request. Raises _Ended, StoreError, OSError."""
        app, terms = self._app, self._terms
        until = app.clock.ms() + _CARD_MS
        text = "Hold your device\nhere\n" + money(self._amount, terms[till_sales.CURRENCY])
        show(self._till, "tap", text)
        while app.clock.ms() < until:
            if not await nfc.find(min(_FIND_MS, max(1, until - app.clock.ms()))):
                continue
            begin(self._till)
            wall = app.clock.wall()
            about = terms[till_sales.MERCHANT], terms[till_sales.TERMINAL], self._amount, _date(wall), app.board.rng(4)
            sale = Sale(*about, terms[till_sales.CURRENCY], terms[till_sales.COUNTRY])
            try:
                await self._read(nfc, sale)
                return sale
            except FieldLost:
                note(self._till, LOST, b"")
                if sale.is_asked:
                    raise self._torn(sale)
                text = "Once more, please"
                state = "tap"
            except Refused as e:
                state = "confirm" if e.code == _CONFIRM_FIRST else "tap"
                text = why(e.code)
                if e.code not in (_NOT_ARMED, _CONFIRM_FIRST, _OTHER_CARD):
                    self._owe(sale)
                    app.log.event(_SALE_DECLINED, e.code)
                    raise _Ended("declined", "Declined:\n" + text)
            except WireError as e:
                app.log.event(e.code)
                if sale.is_asked:
                    raise self._torn(sale)
                state, text = "tap", why(_OTHER_CARD)
            show(self._till, state, text + "\n" + money(self._amount, terms[till_sales.CURRENCY]))
            await nfc.silence()
            await app.clock.sleep_ms(_PAUSE_MS)
        raise _Ended("", "Nobody tapped")

    async def _read(self, nfc, sale):
        """Raises Refused, WireError, FieldLost, StoreError."""
        command = sale.step(b"")
        while command:
            if sale.is_asked and self._row is None:
                self._row = self._sales.begin(self._key, self._amount)
            note(self._till, COMMAND, command)
            answer = await nfc.exchange(command)
            note(self._till, ANSWER, answer)
            command = sale.step(answer)

    def _torn(self, sale):
        self._owe(sale)
        self._app.log.event(_SALE_LOST)
        return _Ended("lost", "Lost: nothing\nis charged.\nok: once more")

    def _owe(self, sale):
        """A cryptogram was made that nobody asks for any more: the service is told, where it has a number."""
        token, atc = sale.token or "", sale.atc
        if atc and 12 <= len(token) <= 19 and token.isdigit():
            self._sales.update(self._row, {till_sales.TOKEN: token, till_sales.ATC: atc})

    async def _ask(self, body):
        """With one key until it is answered, or the customer has waited long enough -> see outcome; None when the
        service cannot be reached. Raises _Ended for an answer that says neither."""
        app = self._app
        until = app.clock.ms() + _ASK_MS
        while True:
            note(self._till, ASKED, body)
            answer = await ask(app, self._terms[till_sales.BY], "auth", body, max(1, until - app.clock.ms()))
            if answer:
                note(self._till, ANSWERED, answer[1])
            found = outcome(app, answer)
            if found:
                return found
            if answer and answer[0] >> 5 != 5:
                raise _Ended("declined", "Declined:\nnot possible")
            if app.clock.ms() + _AGAIN_MS >= until:
                return None
            await app.clock.sleep_ms(_AGAIN_MS)

    def _unanswered(self, body):
        most, in_all = self._terms.get(till_sales.MOST, (0, 0))
        if self._amount <= most and self._sales.held() + self._amount <= in_all:
            changes = {till_sales.STATE: till_sales.OFFLINE, till_sales.REQUEST: body}
            changes.update({till_sales.TOKEN: None, till_sales.ATC: None})
            self._sales.update(self._row, changes)
            self._app.log.event(_SALE_OFFLINE, self._amount, self._sales.held())
            self._sold("offline", "Accepted offline")
            return
        raise _Ended("declined", "No connection:\nnothing is paid\nok: once more")

    def _sold(self, state, text):
        receipt(self._till, self._terms, self._amount, state, self._row)
        self._app.set(self._till.amount, 0)
        show(self._till, state, "%s\n%s" % (text, money(self._amount, self._terms[till_sales.CURRENCY])))

    def close(self):
        """What has no outcome yet is reversed; without a counter it went nowhere."""
        app, row = self._app, self._row
        if row and row[till_sales.STATE] == till_sales.ASKS:
            try:
                self._sales.update(row, {till_sales.STATE: till_sales.REVERSED})
            except StoreError as e:
                app.log.event(e.code)  # what is stored says the same, after the next start
        self._till.due = self._till.pause_ms = 0
        app.put(app.table["owed"], len(self._sales.owed()))


def _date(wall):
    """s since 1970 -> "YYMMDD", of UTC; zeros where nobody knows."""
    if wall is None:
        return "000000"
    days = wall // 86400 + 719468  # Howard Hinnant's civil_from_days: eras of 400 years from 1 March of the year 0
    era = days // 146097
    day = days - era * 146097
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5 - 1
    month += 3 if month < 10 else -9
    return "%02d%02d%02d" % ((year + era * 400 + (1 if month <= 2 else 0)) % 100, month, day)
