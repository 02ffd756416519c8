"""The tables: the same on both databases, made by the migrations and by no other way."""

import sqlite3

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tosplus.errors import HostError, UsageFault
from tosplus.tokens import tables
from tosplus.tokens.database import Database, migrate


def test_the_migrations_make_what_the_code_expects(database):
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.meta) == []


def test_a_database_of_the_first_version_is_migrated_with_what_it_has(url):
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        for table in [*tables.meta.sorted_tables, sa.Table("alembic_version", sa.MetaData())]:
            connection.execute(sa.schema.DropTable(table, if_exists=True))
    migrate(engine, "0001")
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO reversals (id, at) VALUES ('x', 1.5)"))
    engine.dispose()
    made = Database(url)
    with made.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.meta) == []
        assert connection.execute(sa.select(tables.reversals)).all() == [("x", 1.5)]
    made.close()


def test_a_database_that_is_there_is_taken_as_it_is(database, url):
    with database.write() as connection:
        connection.execute(tables.reversals.insert().values(id="x", at=1.5))
    again = Database(url)
    migrate(again.engine)
    with again.read() as connection:
        assert connection.execute(sa.select(tables.reversals)).all() == [("x", 1.5)]
    again.close()


def test_what_was_there_before_a_migration_is_there_after_it(database):
    engine = database.engine
    with engine.begin() as connection:
        for name in (*tables.meta.tables, "alembic_version"):
            connection.exec_driver_sql(f'DROP TABLE "{name}"')
    migrate(engine, "0001")
    credential = "INSERT INTO credentials (id, scope, digest, made_at) VALUES ('%s', 'operator', 'abc', 1)"
    with engine.begin() as connection:
        connection.exec_driver_sql(credential % "a")
        connection.exec_driver_sql("INSERT INTO devices (id, sealed, sent, made_at) VALUES ('w', '', 128, 1)")
    migrate(engine)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id, digest FROM credentials").all() == [("a", "abc")]
        assert connection.exec_driver_sql("SELECT id, sent, kid, till FROM devices").all() == [("w", 128, None, None)]
    with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
        connection.exec_driver_sql(credential % "b")


def test_what_failed_left_nothing(database):
    with pytest.raises(RuntimeError), database.write() as connection:
        connection.execute(tables.reversals.insert().values(id="x", at=1.5))
        raise RuntimeError
    with database.read() as connection:
        assert connection.execute(sa.select(tables.reversals)).all() == []


def test_an_authorisation_counts_once_for_a_counter_and_a_key(database):
    row = {"digest": "", "number": "1", "ki": 1, "atc": 1, "counted": True, "merchant": "m", "terminal": "t"}
    row |= {"currency": "EUR", "amount": 1, "at": 1.0, "reason": 0, "csu": b"", "state": "held"}
    row |= {"captured": 0, "refunded": 0}
    with database.write() as connection:
        connection.execute(tables.auths.insert().values(id="a", request="a", **row))
        connection.execute(tables.auths.insert().values(id="b", request="b", **{**row, "counted": False}))
    with pytest.raises(sa.exc.IntegrityError) as error, database.write() as connection:
        connection.execute(tables.auths.insert().values(id="c", request="told-to-nobody", **row))
    assert "told-to-nobody" not in str(error.value)  # and so in no log


def test_sqlite_syncs_each_commit(tmp_path):
    made = Database(f"sqlite:///{tmp_path}/t.db")
    with made.engine.connect() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")]
    assert found == [2, "wal"]
    made.close()


@pytest.mark.parametrize("url", ["", "x", "mysql://x/y", "sqlite+aiosqlite:///x:y@/", "postgres://x"])
def test_what_is_no_database_is_refused_in_words(url):
    with pytest.raises((UsageFault, HostError)):
        Database(url)


def test_a_database_that_is_damaged_is_told_of(tmp_path):
    (tmp_path / "t.db").write_bytes(b"no database, but long enough to be taken for one" * 100)
    with pytest.raises(HostError, match="cannot be used"):
        Database(f"sqlite:///{tmp_path}/t.db")
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(tmp_path / "t.db").execute("SELECT 1 FROM sqlite_master")
