"""One side of an OSCORE context (RFC 8613) as aiocoap's client takes it, with sequence numbers that outlive us."""

import asyncio
import copy
import os
from pathlib import Path
from typing import Any

from aiocoap import error, oscore
from aiocoap.transports.oscore import TransportOSCORE

from ..durable import locked, replace
from ..errors import HostError
from .oscore import Context

_AHEAD = 128
_LAST = (1 << 40) - 1


class Credentials(oscore.CanProtect, oscore.CanUnprotect, oscore.SecurityContextUtils):
    """context: from our side. sent: the file in which the numbers are counted; it belongs to the key, and stays with
    it. Numbers are reserved 128 ahead (appendix B.1.1), so that neither a crash nor another process that has the same
    file repeats one. known: nothing was ever received with this key; otherwise the first request of the other side
    has to be repeated with an Echo (appendix B.1.2).
    """

    def __init__(self, context: Context, sent: Path, known: bool = False) -> None:
        self.alg_aead = oscore.algorithms[oscore.DEFAULT_ALGORITHM]
        self.hashfun = oscore.hashfunctions[oscore.DEFAULT_HASHFUNCTION]
        self.sender_id = context.sender
        self.recipient_id = context.recipient
        self.id_context = context.id_context
        self.derive_keys(context.salt, context.secret)
        self.echo_recovery = os.urandom(8)
        self.recipient_replay_window = oscore.ReplayWindow(32, lambda: None)
        if known:
            self.recipient_replay_window.initialize_empty()
        self._sent = sent
        self._next = self._end = 0

    @classmethod
    def read(cls, file: Path) -> "Credentials":
        """file: as for `tos explain --context`. The numbers are counted in FILE.sent beside it."""
        return cls(Context.read(file), file.with_name(file.name + ".sent"))

    def __repr__(self) -> str:
        return f"<Credentials of {self.sender_id.hex()!r}>"

    def unprotect(self, protected_message: Any, request_id: Any = None) -> Any:
        """As aiocoap's; what was sealed and is no message, or an answer for a request, is ProtectionInvalid too."""
        try:
            found, asked = super().unprotect(protected_message, request_id)
        except oscore.ProtectionInvalid:  # which is a ValueError
            raise
        except (LookupError, ValueError, error.UnparsableMessage):
            raise oscore.ProtectionInvalid("what was sealed is no message") from None
        if not (found.code.is_request() if request_id is None else found.code.is_response()):
            raise oscore.ProtectionInvalid("what was sealed has a code of another kind")
        return found, asked

    def new_sequence_number(self) -> int:
        """The number to send with, durable before it is used."""
        if self._next == self._end:
            self._next = self._reserve()
            self._end = self._next + _AHEAD
        self._next += 1
        return self._next - 1

    def post_seqnoincrease(self) -> None:
        """new_sequence_number does it."""

    def skip(self) -> None:
        """Another process has sent higher numbers meanwhile: go on above them."""
        self._next = self._end

    def _reserve(self) -> int:
        try:
            with locked(self._sent.parent):
                first = int(self._sent.read_text()) if self._sent.exists() else 0
                if first + _AHEAD > _LAST:
                    raise HostError(f"the sequence numbers of {self._sent.stem} are used up; pair again")
                replace(self._sent, str(first + _AHEAD))
                return first
        except (OSError, ValueError) as e:
            raise HostError(
                f"{self._sent} cannot be used ({type(e).__name__}); it counts what was sent with a key, and "
                "without it nothing more may be\nPair again, if it is lost."
            ) from None


class Transport(TransportOSCORE):
    """aiocoap's own (0.4.17) never ends an observation: the device would notify who is long gone, and no one else."""

    def request(self, request: Any) -> None:
        below = _Below(self._wire)
        one = copy.copy(self)
        one._wire = below
        task = self.loop.create_task(one._request(request))
        self._tasks.add(task)
        over = False

        def end() -> None:
            nonlocal over
            over = True
            self.loop.call_soon(below.leave)  # a task of it that has not begun would not notice
            task.cancel()

        def done(task: "asyncio.Task[None]") -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if error and not over:
                request.add_exception(error)

        request.on_interest_end(end)
        task.add_done_callback(done)


class _Below:
    """What one secured request sends by; it remembers, so that it can leave."""

    def __init__(self, wire: Any) -> None:
        self._wire = wire
        self._sent: list[Any] = []

    def request(self, message: Any) -> Any:
        self._sent.append(self._wire.request(message))
        return self._sent[-1]

    def leave(self) -> None:
        for sent in self._sent:
            if sent.observation is not None and not sent.observation.cancelled:
                sent.observation.cancel()
