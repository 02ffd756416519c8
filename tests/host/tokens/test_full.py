"""A database that is full or away, as a till meets it. tests/crash fills one up under eight writers."""

import resource

import pytest
import sqlalchemy as sa
from tosplus.tokens import parties
from tosplus.tokens.api import application

from .bank import Bank
from .test_api import Http, body


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_full_disk_is_told_and_the_same_key_goes_on_when_there_is_room(url, caplog):
    bank = Bank(url)
    bank.set_up()
    _, secret = bank.write(lambda c, now: parties.add_till(c, "test", "CAMPUS", "TILL-1", now))
    till, card = Http(application(bank), secret), bank.card()
    before = till.post("/authorisations", body(first := card.tap(5)), key="before").json()
    tap, unlimited = body(card.tap(5)), resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, unlimited[1]))
        full = till.post("/authorisations", tap, key="k")
        known = till.post("/authorisations", body(first), key="before").json()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    why = "the database has no room"
    assert (full.status_code, full.json()) == (503, {"error": why}) and caplog.messages == [f"{why}: disk I/O error"]
    assert before["approved"] and known == before
    assert till.post("/authorisations", tap, key="k").json()["approved"] and bank.has(card)[1] == -10
    bank.check()
    bank.close()


def test_a_database_that_is_away_is_told_without_where_it_is(url, caplog):
    bank = Bank(url)
    bank.set_up()
    _, secret = bank.write(lambda c, now: parties.add_till(c, "test", "CAMPUS", "TILL-1", now))
    till, tap = Http(application(bank), secret), body(bank.card().tap(5))
    engine = bank._database.engine

    def refuse(*about):
        raise engine.dialect.dbapi.OperationalError("no route to 10.0.0.1")

    engine.dispose()
    sa.event.listen(engine, "do_connect", refuse)
    away = till.post("/authorisations", tap, key="k")
    sa.event.remove(engine, "do_connect", refuse)
    why = "the database cannot be used now"
    assert (away.status_code, away.json()) == (503, {"error": why})
    assert caplog.messages == [f"{why}: no route to 10.0.0.1"]
    assert till.post("/authorisations", tap, key="k").json()["approved"]
    bank.close()
