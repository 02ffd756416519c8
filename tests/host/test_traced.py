"""What a simulated till keeps of a tap with a simulated watch is understood by the hub, message by message."""

import asyncio

import issuer
from fuzz.fuzz_tapped import hidden
from host.test_till import WALL, shop
from tosplus.hub.tapped import decoded


def test_the_trace_of_a_simulated_till_is_told_in_words(tmp_path):
    async def main():
        async with shop(tmp_path) as till:
            assert await till.client.read("y/tap") == [None, []]
            assert await till.pays("7") == "approved"
            trace = await till.client.read("y/tap")
        tap = decoded(trace)
        assert tap["title"] == "0.07 EUR, approved, A1B2C3" and tap["last"] == issuer.NUMBER[-4:]
        assert hidden(issuer.NUMBER, tap) and abs(tap["began"] - WALL) < 300
        assert [row["title"] for row in tap["rows"][-7:]] == [
            "what it is, done (9000)",
            "GET PROCESSING OPTIONS",
            "a cryptogram, done (9000)",
            "READ RECORD 1 of file 1",
            "a record, done (9000)",
            "may it pay 0.07 EUR?",
            "approved, A1B2C3",
        ]
        assert [row["hex"].count("•") for row in tap["rows"]][-5:] == [12, 0, 12, 12, 0]
        times = [row["ms"] for row in tap["rows"]]
        assert times == sorted(times) == [ms for ms, _, _ in trace[1]]

    asyncio.run(main())
