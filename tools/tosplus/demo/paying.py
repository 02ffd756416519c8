"""The demo's story where money is: the watch pays at the till, its token is suspended, a share is recomputed."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable

from ..errors import HostError
from ..link.schema import Value
from . import canteen
from .checks import Failed, expect
from .page import Found
from .player import Player

_PRICE, _OTHER_PRICE = 250, 175  # minor units
_TAP_S, _TOLD_S, _SEEN_S, _LOOK_S = 20.0, 30.0, 1.5, 0.1


class Paying(Player):
    """Its steps, in their order."""

    def steps(self) -> tuple[Callable[[], Awaitable[str]], ...]:
        return self._pay, self._suspend, self._recompute

    async def _pay(self) -> str:
        """An amount is typed at the till, and the watch pays it by a tap"""
        self._token = await self._stage.canteen
        await self._sell(_PRICE)
        await self._awake("watch", "button_a")
        await self._move("watch", "button_b")
        await self._approved()
        return f"{await self._tap_ms()} ms from the field to the answer: {self._page.value('till', 'receipt')}"

    async def _suspend(self) -> str:
        """Its token is suspended on the page: the next tap is declined; resumed, it pays again"""
        await self._sell(_PRICE)
        await self._ask("POST", f"money/tokens/{self._token}/suspend")
        refusal = await self._press_until("watch or till to decline", self._refusal)
        await self._clear()
        await self._ask("POST", f"money/tokens/{self._token}/resume")
        await self._press_until("the watch to be armed", lambda: self._page.value("watch", "payment") == "armed")
        await self._sell(_OTHER_PRICE)
        await self._approved()
        return f"{refusal}; then {self._page.value('till', 'receipt')}"

    async def _recompute(self) -> str:
        """The day's sales are shared, and the developer recomputes the statement that the page gives out"""
        expect("sales that are shared", 2, await canteen.settled(self._stage.tokens))
        expect("what does not sum up in the ledger", [], await canteen.faults(self._stage.tokens))
        file = self._stage.tokens.folder / f"{canteen.PARTY}.csv"
        file.write_bytes(await self._page.download(f"money/statements/{canteen.PARTY}?format=csv"))
        command = [sys.executable, "-m", "tosplus", "tokens", "recompute", str(file)]
        recomputing = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        told = (await recomputing.communicate())[0].decode()
        expect(f"the exit code of tos tokens recompute, which says {told}", 0, recomputing.returncode)
        return f"{told.partition(chr(10))[0]}; the ledger sums to zero"

    # What a person does

    async def _sell(self, amount: int) -> None:
        """Typed at the till, which waits for a card then, unless there is one."""
        await self._clear()
        for key in str(amount):
            await self._move("till", "keys", key)
        await self._becomes("till", "amount", f"{amount}", lambda now: now == amount)
        await self._move("till", "keys", "ok")
        await self._becomes("till", "sale", "begun", lambda now: now)

    async def _clear(self) -> None:
        await self._move("till", "keys", "clear")
        await self._becomes("till", "sale", "over", lambda now: now == "")

    async def _press_until(self, words: str, holds: Callable[[], Found]) -> Found:
        """The watch's button, again when it has come to nothing: it hears of its token when the service tells it."""
        deadline = time.monotonic() + _TOLD_S
        while True:
            await self._awake("watch", "button_a")
            await self._move("watch", "button_b")
            with contextlib.suppress(HostError):
                return await self._page.until(words, holds, _SEEN_S)
            if time.monotonic() > deadline:
                raise Failed(f"expected {words} within {_TOLD_S:g} s, saw {self._seen()}")

    # What is seen

    async def _approved(self) -> None:
        try:
            await self._page.until("", lambda: self._seen() == ("approved", "approved"), _TAP_S)
        except HostError:
            raise Failed(f"expected till and watch to say approved, saw {self._seen()}") from None

    def _seen(self) -> tuple[Value, Value]:
        return self._page.value("till", "sale"), self._page.value("watch", "payment")

    def _refusal(self) -> str:
        """Who declined, in his words; empty while nobody has. The service, or the watch when it has been told first."""
        sale, payment = self._seen()
        if sale == "declined":
            return f"the till says: {' '.join(str(self._page.value('till', 'text')).split())}"
        return f"the watch says: {self._page.value('watch', 'text')}" if payment == "suspended" else ""

    async def _tap_ms(self) -> int:
        """Of the first tap: from the first command to the service's answer, by the till's trace."""
        deadline = time.monotonic() + _TAP_S
        while time.monotonic() < deadline:
            for tap in await self._ask("GET", "money/taps"):
                for row in tap["rows"]:
                    if row["kind"] == "reply":
                        return int(row["ms"] - tap["rows"][0]["ms"])
            await asyncio.sleep(_LOOK_S)
        raise Failed("expected the hub to know the tap, message by message")
