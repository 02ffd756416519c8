"""The database of a test, with its tables; the service on it, and who may ask it."""

import pytest
from tosplus.tokens.api import application
from tosplus.tokens.database import Database

from .bank import Bank
from .clients import http


@pytest.fixture
def database(url):
    made = Database(url)
    yield made
    made.close()


@pytest.fixture
def bank(url):
    made = Bank(url)
    made.main = made.set_up()
    made.app = application(made)
    yield made
    made.check()
    made.close()


@pytest.fixture
def operator(bank):
    return http(bank, "operator")


@pytest.fixture
def till(bank):
    return http(bank, "till", merchant="CAMPUS", terminal="TILL-1")
