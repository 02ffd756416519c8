"""Each test of the database runs on SQLite and on PostgreSQL."""

import pytest
from postgres import running
from tosplus.tokens import tables
from tosplus.tokens.database import Database


@pytest.fixture(scope="session")
def postgres():
    with running() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Of an empty database. That of PostgreSQL is the same for all, emptied before each."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/tokens.db"
    server = request.getfixturevalue("postgres")
    made = Database(server)
    with made.write() as connection:
        for table in tables.meta.tables.values():
            connection.execute(table.delete())
    made.close()
    return server


@pytest.fixture
def database(url):
    made = Database(url)
    yield made
    made.close()
