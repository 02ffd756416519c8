"""What a till asked of a card is sold or reversed, once, whenever the power fails: sold.py; and what breaks that."""

import pytest
from crash.lab import code
from crash.mutant import Mutant
from crash.sold import APPROVED, DO, REVERSED, VOID, sweep

SAMPLE = ("sell", "silent", "maybe-offline", "torn-behind-it", "refund-silent", "void")


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    return code(tmp_path_factory.mktemp("compiled") / "firmware")


@pytest.mark.parametrize("do", SAMPLE)
def test_a_cut_anywhere_forgets_no_sale_and_charges_none_twice(do, firmware, tmp_path):
    result = sweep(tmp_path, do, tears=("half",), every=12 if DO[do]["do_it"] == "sell" else 2, firmware=firmware)
    assert result.faults == []
    states = {"sell": {APPROVED, REVERSED}, "void": {APPROVED, VOID}, "refund": {APPROVED}}
    assert result.states <= states[DO[do]["do_it"]] and result.points >= 3 and result.given >= 3 * result.points


SALE, SALES, TELL = "tos/till_sale.py", "tos/till_sales.py", "tos/till_tell.py"
MUTANTS = [
    Mutant(
        "a sale is not written down before its cryptogram", SALES, "        self._save(rows + [row])\n",
        "        self.rows = rows + [row]\n", "nothing is written down", "sell",
    ),
    Mutant(
        "a counter is not written down before the service is asked", SALE,
        "        self._sales.update(self._row, {till_sales.TOKEN: sale.token, till_sales.ATC: sale.atc})\n        show",
        "        self._row[till_sales.TOKEN], self._row[till_sales.ATC] = sale.token, sale.atc\n        show",
        "is asked, and durable is", "silent",
    ),
    Mutant(
        "a restart forgets what was asked", SALES, "                row[STATE] = REVERSED\n",
        "                row[STATE] = DECLINED\n", "are charged", "silent", every=4,
    ),
    Mutant(
        "a silence is not reversed", SALE, "{till_sales.STATE: till_sales.REVERSED}",
        "{till_sales.STATE: till_sales.DECLINED}", "are charged", "silent",
    ),
    Mutant(
        "it says that it is paid before that is written down", SALE,
        "        changes = {till_sales.NUMBER: number, till_sales.APPROVAL: code}\n        self._sales",
        "        self._sold('approved', '')\n"
        "        changes = {till_sales.NUMBER: number, till_sales.APPROVAL: code}\n        self._sales",
        "is told, and durable is", "sell",
    ),
    Mutant(
        "a refund is told with a new key each time", TELL, "    body = {0: key, 1: row[till_sales.NUMBER]}\n",
        "    body = {0: app.board.rng(16), 1: row[till_sales.NUMBER]}\n", "given back", "refund-silent", every=1,
    ),
    Mutant(
        "what is kept offline gets a new key", SALE, "till_sales.REQUEST: body}",
        "till_sales.REQUEST: body[:3] + b'0123456789abcdef' + body[19:]}", "two keys", "maybe-offline",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_mistake_is_caught(mutant, tmp_path):
    mistaken = mutant.code(tmp_path / "firmware")
    result = sweep(tmp_path, mutant.do, tears=("clean",), every=mutant.every or 10, firmware=mistaken)
    assert mutant.shown_by(result.faults), result
