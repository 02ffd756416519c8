"""What a hub does in the background ends when it does, also when there is something to do at that moment."""

import asyncio

from soon import ends
from tosplus.hub.bindings import Bindings
from tosplus.hub.rollouts import Rollouts


def ends_with_work(it, there_is_work):
    async def begin():
        running = asyncio.create_task(it.run())
        await asyncio.sleep(0.01)
        there_is_work.set()
        return running

    asyncio.run(ends(begin, 10))
    it.close()


def test_bindings_end(tmp_path):
    bindings = Bindings(None, tmp_path / "hub.db")
    ends_with_work(bindings, bindings._look)


def test_rollouts_end(tmp_path):
    rollouts = Rollouts(None, tmp_path)
    ends_with_work(rollouts, rollouts._wake)
