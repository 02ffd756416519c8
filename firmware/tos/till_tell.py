"""A till tells its token service what it owes: reversals, what it took offline, voids and refunds. MicroPython.

Each is told with one key until it is answered, over restarts too.
"""

from micropython import const
from tos import till_sales
from tos.till_ask import IS_REVERSED, REVERSES, ask, note, outcome
from tos.till_words import money, receipt, show, why
from toscore import cbor_viper as cbor
from toscore import coap
from toscore.errors import StoreError, TosError

_SALE_REVERSED = const(259)
_OFFLINE_TOLD = const(261)
_SALE_UNDONE = const(262)
_TILL_REFUSED = const(457)
_TILL_ANSWER = const(458)

_ASK_MS = const(10000)
_BACK_OFF_MS = (1000, 60000)
_REFUSALS = (128, 150)  # 4.00 and 4.22: it will not be answered otherwise another time


async def tell(till):
    """One after the other; where one is not answered, they wait for another time."""
    app = till.app
    sales = till_sales.Sales(till)
    till.is_new = False
    terms = till_sales.terms(till)
    app.put(app.table["owed"], len(sales.owed()))
    for row in sales.owed():
        try:
            told = terms is not None and await _told(till, terms, sales, row)
        except StoreError as e:
            app.log.event(e.code)
            told = False
        if not told:
            till.pause_ms = min(max(_BACK_OFF_MS[0], till.pause_ms * 2), _BACK_OFF_MS[1])
            till.due = app.clock.ms() + till.pause_ms
            if row[till_sales.UNDO] and app.get("sale") == "asks":
                show(till, "offline", "No connection:\nit is done later")
            return
        app.put(app.table["owed"], len(sales.owed()))
    till.due = till.pause_ms = 0


async def _told(till, terms, sales, row):
    """Whether it needs not be told again. Raises StoreError."""
    if row[till_sales.UNDO]:
        return await _undone(till, terms, sales, row)
    app, key = till.app, row[till_sales.KEY]
    name = terms[till_sales.BY]
    if row[till_sales.STATE] == till_sales.OFFLINE:
        answer = await ask(app, name, "auth", row[till_sales.REQUEST], _ASK_MS)
        if _refused(app, answer):
            sales.settle(row, till_sales.DECLINED)
            return True
        found = outcome(app, answer)
        if found is None:
            return False
        approved, reason, number, code = found
        state = till_sales.APPROVED if approved else till_sales.DECLINED
        sales.settle(row, state, {till_sales.NUMBER: number, till_sales.APPROVAL: code})
        app.log.event(_OFFLINE_TOLD, row[till_sales.AMOUNT], reason)
        word = "approved" if approved else "offline, then declined"
        receipt(till, terms, row[till_sales.AMOUNT], word, row)
        return True
    token, atc = row[till_sales.TOKEN], row[till_sales.ATC]
    # Its key is that of the sale with each bit turned, so that nothing more has to be kept.
    body = cbor.dumps({0: bytes([b ^ 255 for b in key]), 1: token, 2: atc, 3: key})
    is_latest = row is sales.rows[-1]
    if is_latest:
        note(till, REVERSES, body)
    answer = await ask(app, name, "reverse", body, _ASK_MS)
    if is_latest and answer:
        note(till, IS_REVERSED, answer[1])
    done = _reversed(app, answer)
    if done is None and not _refused(app, answer):
        return False
    sales.settle(row, till_sales.REVERSED)
    app.log.event(_SALE_REVERSED, row[till_sales.AMOUNT], 1 if done else 0)
    return True


async def _undone(till, terms, sales, row):
    app = till.app
    key, amount = row[till_sales.UNDO]
    body = {0: key, 1: row[till_sales.NUMBER]}
    if amount:
        body[2] = amount
    answer = await ask(app, terms[till_sales.BY], "refund" if amount else "void", cbor.dumps(body), _ASK_MS)
    refused = _refused(app, answer)
    found = (False, 14, None, None) if refused else outcome(app, answer)
    if found is None:
        return False
    approved, reason, _, _ = found
    changes = {till_sales.UNDO: None}
    if approved and amount:
        changes[till_sales.REFUNDED] = row[till_sales.REFUNDED] + amount
    elif approved:
        changes[till_sales.STATE] = till_sales.VOID
    sales.update(row, changes)
    app.log.event(_SALE_UNDONE, amount, reason)
    amount = amount or row[till_sales.AMOUNT]
    if approved:
        receipt(till, terms, amount, "taken back", row)
    if app.get("sale") == "asks":
        if approved:
            app.set(till.amount, 0)
            show(till, "approved", "Taken back\n%s" % money(amount, terms[till_sales.CURRENCY]))
        else:
            show(till, "declined", "Not taken back:\n%s" % why(reason))
    return True


def _refused(app, answer):
    if answer is None or answer[0] not in _REFUSALS:
        return False
    app.log.event(_TILL_REFUSED, (answer[0] >> 5) * 100 + (answer[0] & 31))
    return True


def _reversed(app, answer):
    """Whether there was something to reverse; None for what is no answer to that."""
    if answer is None or answer[0] != coap.CHANGED:
        return None
    try:
        told = cbor.loads(answer[1], items=16)
        if isinstance(told, dict) and isinstance(told.get(0), bool):
            return told[0]
    except TosError:
        pass
    app.log.event(_TILL_ANSWER)
