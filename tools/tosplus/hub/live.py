"""From the hub to the browsers, by a bounded queue each. Who reads too slowly is let go; a snapshot brings it back."""

import asyncio
import json
from typing import Any

_WAITING = 500  # messages; a house of 50 restless devices sends so many in a second


class Listener:
    """One browser. behind: it did not keep up, and gets nothing more."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue(_WAITING)
        self.behind = asyncio.Event()


class Live:
    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._listeners)

    def join(self, snapshot: dict[str, Any]) -> Listener:
        """From this moment on; snapshot is its first message."""
        listener = Listener()
        listener.queue.put_nowait(dumps(snapshot))
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def send(self, message: dict[str, Any]) -> None:
        """To all; written out once."""
        if not self._listeners:
            return
        text = dumps(message)
        for listener in list(self._listeners):
            try:
                listener.queue.put_nowait(text)
            except asyncio.QueueFull:
                listener.behind.set()
                self._listeners.discard(listener)


def dumps(message: Any) -> str:
    """JSON as browsers read it: no NaN, ever."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
