"""Fetching a large body on MicroPython from aiocoap's server, over a network that delays and loses."""

import asyncio
import hashlib
import random

import pytest
from lossy import fetched

BODY = random.Random(7).randbytes(66_000)


@pytest.mark.parametrize(("loss", "length"), [(0, 66_000), (0.01, 66_000), (0.1, 66_000), (0.3, 16_000)])
def test_it_comes_whole_and_in_bounded_memory(loss, length):
    body = BODY[:length]
    told = asyncio.run(fetched(body, loss))
    assert told["result"] == 69 and told["bytes"] == len(body)
    assert told["sha256"] == hashlib.sha256(body).hexdigest()
    assert told["heap_b"] < 12 * 1024  # a window of 4 KB, twice, and what belongs to it


def test_four_blocks_on_their_way_are_faster_than_one():
    one, four = (asyncio.run(fetched(BODY, window=window)) for window in (1, 4))
    assert four["ms"] < 0.6 * one["ms"]


def test_it_begins_in_the_middle():
    told = asyncio.run(fetched(BODY, offset=50_000))
    assert told["bytes"] == len(BODY) - 50_000 and told["asked"] < 25
    assert told["sha256"] == hashlib.sha256(BODY[50_000:]).hexdigest()
