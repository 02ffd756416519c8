"""The token service's books as people read them: who has what, who paid whom, what each party's share is. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from .. import money

Row = Mapping[str, Any]
_ENDS = {"capture": "posted", "void": "released", "reversal": "released"}  # what a hold comes to


def told(tokens: Iterable[Row], accounts: Iterable[Row], ledger: Row, merchants: Iterable[Row]) -> dict[str, Any]:
    """As the service's API has them -> as the hub's. Raises KeyError, TypeError, ValueError for what it cannot say."""
    balances = ledger["balances"]
    shares = [each for each in balances if each["account"].startswith("party:")]
    kept = [{**each, "available": each["posted"] + each["held"] + each["credit"]} for each in accounts]
    used = {each["currency"] for each in [*kept, *balances]}
    transfers = ledger["transfers"]
    ended = {each["auth"]: _ENDS[each["kind"]] for each in transfers if each["kind"] in _ENDS}
    return {
        "tokens": [_token(each) for each in tokens],
        "accounts": kept,
        "ledger": [transfer(each, ended) for each in transfers],
        "balanced": balanced(balances),
        "shares": [
            {"party": _name(each["account"]), "currency": each["currency"], "total": each["amount"]} for each in shares
        ],
        "merchants": list(merchants),
        "digits": {code: money.currency(code).exponent for code in sorted(used)},
    }


def balanced(balances: Iterable[Row]) -> bool:
    """Whether all accounts together have nothing, in each currency and layer."""
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for each in balances:
        sums[each["currency"], each["layer"]] += each["amount"]
    return not any(sums.values())


def transfer(row: Row, ended: Mapping[str, str]) -> dict[str, Any]:
    """state: posted; of what was held, held as long as it is, or released. ended: {transaction: what it came to}."""
    kind, auth, about = row["kind"], row["auth"], {key: row[key] for key in ("id", "at", "kind")}
    state = ended.get(auth, "held") if kind == "hold" else _ENDS.get(kind, "posted")
    return {**about, "transaction": auth, "state": state, "words": _words(kind, row["postings"])}


def _words(kind: str, postings: Iterable[Row]) -> str:
    by: dict[str, list[Row]] = {"holder": [], "sales": [], "party": [], "bank": []}
    for posting in postings:
        by.setdefault(posting["account"].partition(":")[0], []).append(posting)
    holder = by["holder"][-1]
    who, much = _name(holder["account"]), _amount(holder, abs(holder["amount"]))
    merchant = _name(by["sales"][0]["account"]) if by["sales"] else ""
    shares = ", ".join(f"{_name(each['account'])} {_amount(each)}" for each in by["party"])
    match kind:
        case "topup":
            return f"{who} {'pays in' if holder['amount'] > 0 else 'takes out'} {much}"
        case "hold":
            return f"{who} pays {merchant} {much}"
        case "capture":
            return f"{merchant} has {much} of {who}" + (f": {shares}" if shares else "")
        case "refund":
            return f"{who} gets {much} back" + (f": {shares}" if shares else "")
        case "void":
            return f"{merchant} does not take {much} of {who}"
        case "reversal":
            return f"{merchant} lost the tap: {who} keeps {much}"
    return f"{kind}: {', '.join(each['account'] + ' ' + _amount(each) for each in postings)}"


def _token(row: Row) -> dict[str, Any]:
    about = {key: row[key] for key in ("id", "account", "device", "state")}
    return {**about, "number_masked": f"\u2022\u2022\u2022\u2022 {row['last'][-4:]}", "uses_left": row["left"]}


def _name(account: str) -> str:
    return account.partition(":")[2]


def _amount(posting: Row, minor: int | None = None) -> str:
    currency = money.currency(posting["currency"])
    return f"{money.words(posting['amount'] if minor is None else minor, currency)} {currency.code}"
