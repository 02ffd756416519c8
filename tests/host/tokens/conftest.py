"""Each test of the database runs on SQLite and on PostgreSQL."""

import secrets

import pytest
import sqlalchemy as sa
from postgres import running
from tosplus.tokens.database import Database


@pytest.fixture(scope="session")
def postgres():
    with running() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/tokens.db"
        return
    server = request.getfixturevalue("postgres")
    name = f"t{secrets.token_hex(6)}"
    engine = sa.create_engine(server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.replace("/postgres?", f"/{name}?")
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def database(url):
    made = Database(url)
    yield made
    made.close()
