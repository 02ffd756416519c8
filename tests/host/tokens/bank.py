"""A token service for tests: a merchant with terms, tills, holders with money, cards with keys, a clock by hand."""

import secrets
from collections import Counter

import sqlalchemy as sa
from tosplus.tokens import ledger, parties, state, tables, wallet
from tosplus.tokens.authorise import Till
from tosplus.tokens.database import Database
from tosplus.tokens.service import Service
from tosplus.tokens.shares import terms
from tosplus.tokens.vault import Vault

from .taps import Card

VAULT = Vault([bytes(range(32))])
TERMS = terms("canteen", [("platform", 300), ("manufacturer", 700), ("developer", 9000)])
START = 1_795_000_000.0
GENEROUS = wallet.Limits(10**9, 10**10, 10**6, 10**9)


class Bank(Service):
    """now: what its clock says."""

    def __init__(self, url, start=START):
        self.now = start
        super().__init__(Database(url), VAULT, lambda: self.now)

    def set_up(self):
        """Merchant CAMPUS with the terms, and TILL-1 of it."""
        self.write(lambda c, now: parties.add_merchant(c, "test", "CAMPUS", "EUR", now))
        self.write(lambda c, now: parties.put_terms(c, "test", TERMS, now))
        self.write(lambda c, now: parties.accept(c, "test", "CAMPUS", TERMS.hash, "the owner", "paper 7", now))
        return self.till()

    def till(self, terminal="TILL-1", merchant="CAMPUS"):
        id, _ = self.write(lambda c, now: parties.add_till(c, "test", merchant, terminal, now))
        return Till(id, merchant, terminal)

    def card(self, money=100_000, limits=GENEROUS, holder=None, credit=0):
        """A token of a new account, or of the one given, and its key in use."""
        return self.cards(1, money, limits, holder, credit)[0]

    def cards(self, count, money=100_000, limits=GENEROUS, holder=None, credit=0):
        dki = self.dki()

        def make(c, now):
            made = []
            for _ in range(count):
                account = holder or f"h{secrets.token_hex(6)}"
                if holder is None:
                    wallet.open_holder(c, "test", account, "EUR", credit, now)
                    if money:
                        wallet.topup(c, "test", account, money, "", now)
                row = wallet.issue(c, "test", account, None, limits, now)
                key = wallet.offer(c, self.keys, dki, row.id, now)
                wallet.delivered(c, row.id, key.ki, now)
                wallet.confirmed(c, row.id, key.ki, 0, now)
                card = Card(row.number, key.luk, key.ki, key.dki)
                card.id, card.holder = row.id, account
                made.append(card)
            return made

        return self.write(make)

    def offer(self, card):
        return self.write(lambda c, now: wallet.offer(c, self.keys, self.dki(), card.id, now))

    def replenish(self, card, last=0):
        found = self.offer(card)
        self.write(lambda c, now: wallet.delivered(c, card.id, found.ki, now))
        self.write(lambda c, now: wallet.confirmed(c, card.id, found.ki, last, now))
        card.luk, card.ki, card.dki = found.luk, found.ki, found.dki

    def has(self, card):
        """(posted, held) of its account"""
        h = tables.holders.c
        return self.read(lambda c: c.execute(sa.select(h.posted, h.held).where(h.id == card.holder)).one())

    def auth(self, number):
        return self.read(lambda c: c.execute(sa.select(tables.auths).where(tables.auths.c.id == number)).one())

    def count(self, table):
        return self.read(lambda c: c.scalar(sa.select(sa.func.count()).select_from(table)))

    def audited(self, what, outcome=None):
        a = tables.audit.c
        rows = self.read(lambda c: c.execute(sa.select(a.outcome).where(a.what == what)).scalars().all())
        return rows if outcome is None else rows.count(outcome)

    def balances(self):
        """{(account, layer): minor units}, where it is not 0"""
        p = tables.postings.c
        query = sa.select(p.account, p.layer, sa.func.sum(p.amount)).group_by(p.account, p.layer)
        return {(account, layer): int(n) for account, layer, n in self.read(lambda c: c.execute(query).all()) if n}

    def check(self):
        """The ledger sums up to zero, each transfer of it too; holders have what their postings say, and parties the
        shares of what was captured; what counts was approved once, and is held or captured as it says."""
        check(self)


def check(bank):
    def all_of(table):
        return bank.read(lambda c: c.execute(sa.select(table)).all())

    sums, balances = Counter(), Counter()
    for p in all_of(tables.postings):
        sums[p.transfer, p.layer, p.currency] += p.amount
        balances[p.account, p.layer] += p.amount
    assert not any(sums.values())
    assert {key[0] for key in sums} == {row.id for row in all_of(tables.transfers)}
    for row in all_of(tables.holders):
        account = ledger.holder(row.id)
        assert (row.posted, row.held) == (balances[account, "posted"], balances[account, "held"]), row
    auths = all_of(tables.auths)
    approved = [a for a in auths if a.reason == 0]
    assert len({(a.number, a.ki, a.atc) for a in approved}) == len(approved)
    held = sum(a.amount for a in approved if a.state == state.HELD)
    net = sum(a.captured - a.refunded for a in auths)
    assert sum(n for (account, layer), n in balances.items() if account.startswith("sales:")) == held
    assert sum(n for (account, layer), n in balances.items() if account.startswith("party:")) == net
    assert sum(row.net for row in all_of(tables.books)) == net
    kinds = Counter(row.kind for row in all_of(tables.transfers))
    assert kinds["hold"] == len(approved)
    luks = {(row.number, row.ki): row for row in all_of(tables.luks)}
    accepted = Counter((a.number, a.ki) for a in approved)
    assert all(luks[key].accepted == n <= 10 for key, n in accepted.items())
