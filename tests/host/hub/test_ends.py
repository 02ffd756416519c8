"""What a hub does in the background ends when it does, also when there is something to do at that moment."""

import asyncio

import pytest
from tosplus.hub.bindings import Bindings
from tosplus.hub.rollouts import Rollouts


@pytest.mark.parametrize(
    "begin",
    [
        lambda folder: (it := Bindings(None, folder / "hub.db"), it._look),
        lambda folder: (it := Rollouts(None, folder), it._wake),
    ],
    ids=["bindings", "rollouts"],
)
def test_it_ends(tmp_path, begin):
    it, there_is_work = begin(tmp_path)

    async def main():
        for turns in range(10):
            running = asyncio.create_task(it.run())
            await asyncio.sleep(0.01)
            there_is_work.set()
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait({running}, timeout=5)
            assert running.cancelled()

    asyncio.run(main())
    it.close()
