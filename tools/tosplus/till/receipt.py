"""What a customer gets in hand, as text and as JSON, and a till's list."""

import time
from typing import Any

from .. import money
from ..reasons import WORDS, Reason
from .book import Entry

_STATES = {
    "begun": "not finished",
    "asks": "asking",
    "reversing": "is taken back, nothing was paid",
    "reversed": "was taken back, nothing was paid",
    "lost": "the device was away too early, nothing was paid",
    "refused": "refused",
    "owed": "on its way to the token service",
}


def told(entry: Entry) -> dict[str, Any]:
    """For --json. amount: minor units."""
    return {
        "kind": entry.kind,
        "state": entry.state,
        "at": entry.at,
        "amount": entry.amount,
        "currency": entry.currency,
        "number": entry.number,
        "approval": entry.approval,
        "reason": entry.reason,
        "words": outcome(entry),
        "token": _masked(entry),
    }


def outcome(entry: Entry) -> str:
    """approved, or why not."""
    if entry.reason and entry.state in ("declined", "refused"):
        why = WORDS[Reason(entry.reason)] if entry.reason in list(Reason) else f"reason {entry.reason}"
        return f"{entry.state}: {why}"
    return _STATES.get(entry.state, entry.state)


def text(entry: Entry, merchant: str, terminal: str) -> str:
    rows = [f"{merchant}  {terminal}", _time(entry), f"{_amount(entry)}  {outcome(entry)}"]
    if entry.approval:
        rows.append(f"approval  {entry.approval}")
    if entry.number:
        rows.append(f"number    {entry.number}")
    if masked := _masked(entry):
        rows.append(f"token     {masked}")
    return "\n".join(rows)


def line(entry: Entry) -> str:
    return f"{_time(entry)}  {entry.kind:6} {_amount(entry):>14}  {outcome(entry)}  {entry.number or ''}".rstrip()


def _amount(entry: Entry) -> str:
    return f"{money.words(entry.amount, money.currency(entry.currency))} {entry.currency}"


def _masked(entry: Entry) -> str | None:
    return f"**** {entry.token[-4:]}" if entry.token else None


def _time(entry: Entry) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
