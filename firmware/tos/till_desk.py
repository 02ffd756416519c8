"""Whoever serves a till: who may begin what, what the keys mean, and one piece of work after the other. MicroPython."""

import asyncio

from micropython import const
from tos import till_sales
from tos.lazy import load
from tos.resource import Resource
from tos.roles import HUB, OWNER, TOKENS
from tos.till_words import money, show
from toscore.errors import Busy, Denied, StoreError, TosError

_ROLE = const(367)
_CANNOT_SELL = const(456)

_MOST_TYPED = const(100000)
_MAY = {"take": (OWNER, HUB), "undo": (OWNER,)}


def check(till, r, value, origin):
    """Resource.check of `take` and `undo`; Denied, and Busy where it cannot be now."""
    Resource.check(r, value, origin)
    app = till.app
    name = origin[len("link/") :]
    if name:  # without one it is in the clear
        peer = app.link.peers.find(name)
        if peer is None or peer.role not in _MAY[r.path]:
            raise Denied(_ROLE, r.path)
    if value == r.safe:
        return
    if till.wanted or till.undo >= 0:
        raise Busy(_CANNOT_SELL, "busy")
    terms, peers = till_sales.terms(till), app.link.peers
    peer = terms and peers and peers.find(terms[till_sales.BY])
    if not peer or peer.role != TOKENS:
        raise Busy(_CANNOT_SELL, "terms")
    if r.path == "undo":
        row = till_sales.Sales(till).last()
        if row is None or value > row[till_sales.AMOUNT] - row[till_sales.REFUNDED]:
            raise Busy(_CANNOT_SELL, "no sale")


def press(till, key):
    """While it sells, clear ends that. Else: an amount and ok sell; ok alone, then ok, takes back the last sale, or an
    amount and ok as much of it."""
    app = till.app
    if till.wanted or till.undo >= 0:
        if key == "clear":
            app.set("take", 0)
        return
    typed = app.get(till.amount)
    if key == "clear":
        till.is_back = False
        show(till, "", "")
        app.set(till.amount, 0)
    elif key == "ok":
        _ok(till, typed)
    elif key.isdigit():
        if app.get("sale") and not till.is_back:
            show(till, "", "")
            typed = 0
        if typed < _MOST_TYPED:
            app.set(till.amount, typed * 10 + int(key))


def _ok(till, typed):
    app = till.app
    try:
        if till.is_back:
            till.is_back = False
            app.set("undo", typed)
        elif typed:
            app.set("take", typed)
        else:
            row = till_sales.Sales(till).last()
            if row:
                left = row[till_sales.AMOUNT] - row[till_sales.REFUNDED]
                till.is_back = True
                show(till, "", "Take back %s?\nok: all of it\nor type a part" % money(left))
    except TosError as e:
        app.log.event(e.code)
        show(till, "failed", "Not possible now")


async def step(till):
    """One piece of work -> ms until there is more to do, None when only others can bring it."""
    app = till.app
    if till.wanted:
        amount = till.wanted
        try:
            await _while(till, load("till_sale").sell(till, amount), lambda: till.wanted == amount)
        finally:
            till.wanted = 0
            app.put(app.table["take"], 0)
    elif till.undo >= 0:
        try:
            _undo(till)
        finally:
            till.undo = -1
            app.put(app.table["undo"], -1)
    if not (till.is_new or app.get("owed")):
        return None
    if app.clock.ms() >= till.due:
        await _while(till, load("till_tell").tell(till), lambda: not till.wanted and till.undo < 0)
    if till.wanted or till.undo >= 0:
        return 1
    return max(1, till.due - app.clock.ms()) if app.get("owed") else None


async def _while(till, work, wanted):
    """Do it until it is done, or not wanted any more."""

    async def done():
        try:
            await work
        finally:
            till.wake.set()

    task = asyncio.create_task(done())
    try:
        while not task.done() and wanted():
            await till.wake.wait()
            till.wake.clear()
    finally:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


def _undo(till):
    """Written down, so that it is told with one key, however often."""
    app = till.app
    sales = till_sales.Sales(till)
    row = sales.last()
    try:
        sales.update(row, {till_sales.UNDO: [app.board.rng(16), till.undo]})
    except StoreError as e:
        app.log.event(e.code)
        show(till, "failed", "Not possible now")
        return
    till.due, till.pause_ms = 0, 0
    app.put(app.table["owed"], len(sales.owed()))
    show(till, "asks", "Please wait")
