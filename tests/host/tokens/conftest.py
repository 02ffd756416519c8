"""The database of a test, with its tables."""

import pytest
from tosplus.tokens.database import Database


@pytest.fixture
def database(url):
    made = Database(url)
    yield made
    made.close()
