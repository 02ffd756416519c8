"""Group commit: one thread, one transaction, one sync for all that wait for it; then each hears what came of it."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_MOST = 200
_MOMENT_S = 0.001


class Group(Generic[T, R]):
    """commit(several) -> as many results, all of it in one transaction. When that fails each gets one of its own, so
    that nobody fails for another's fault."""

    def __init__(self, commit: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._commit = commit
        self._queue: queue.SimpleQueue[tuple[T, Future[R]] | None] = queue.SimpleQueue()
        self._due = 1  # those who were answered last, and those who waited then
        self._thread = threading.Thread(target=self._run, name="group commit", daemon=True)
        self._thread.start()

    def put(self, one: T) -> "Future[R]":
        future: Future[R] = Future()
        self._queue.put((one, future))
        return future

    def close(self) -> None:
        """After what was put is done."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            waiting = self._gathered()
            batch = [each for each in waiting if each is not None]
            going = len(batch) == len(waiting)
            if batch:
                self._together(batch)

    def _gathered(self) -> "list[tuple[T, Future[R]] | None]":
        """Those who wait, and for a moment those who may be back with their next: so many as are due."""
        waiting, until = [self._queue.get()], time.monotonic() + _MOMENT_S
        while waiting[-1] is not None and len(waiting) < _MOST:
            left = until - time.monotonic() if len(waiting) < self._due else 0
            try:
                waiting.append(self._queue.get(left > 0, max(left, 0)))
            except queue.Empty:
                break
        return waiting

    def _together(self, batch: "list[tuple[T, Future[R]]]") -> None:
        try:
            results = self._commit([one for one, _ in batch])
        except Exception as e:
            if len(batch) == 1:
                batch[0][1].set_exception(e)
                return
            for each in batch:
                self._together([each])
            return
        self._due = len(batch) + self._queue.qsize()
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
