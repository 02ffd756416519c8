"""Readers of pcscd by its own library, pcsc-lite: their names, a card that comes, commands to it. Linux.

Its API is PC/SC part 5; types and numbers are those of pcsclite.h and wintypes.h.
"""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_long, c_ubyte, c_ulong, c_void_p
from types import TracebackType
from typing import Any

from ..errors import HostError, UsageFault

_LIBRARY = "libpcsclite.so.1"
_SYSTEM, _EXCLUSIVE, _ANY_PROTOCOL, _UNPOWER = 2, 1, 3, 2
_PRESENT, _MUTE, _INUSE, _EXCLUSIVELY = 0x20, 0x200, 0x100, 0x80
_LOOK_MS = 200  # Ctrl-C is heard between two looks
_ANSWER_B = 258

_TIMEOUT, _UNKNOWN_READER, _NO_READERS = 0x8010000A, 0x80100009, 0x8010002E
_NO_SERVICE, _NOT_ALLOWED = 0x8010001D, 0x8010006A
_DAEMON = "Debian: apt-get install pcscd; systemctl start pcscd"
_WORDS = {
    _NO_SERVICE: f"pcscd does not run; {_DAEMON}",
    _NOT_ALLOWED: "pcscd does not let you use its readers; polkit says who may, and root may",
    _UNKNOWN_READER: "the reader is gone",
}


class CardGone(Exception):
    """The card has left the field, or does not answer any more."""


class NoCard(Exception):
    """There is none in the reader, after all."""


class _State(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("user", c_void_p),
        ("current", c_ulong),
        ("event", c_ulong),
        ("atr_b", c_ulong),
        ("atr", c_ubyte * 33),
    ]


class _Protocol(ctypes.Structure):
    _fields_ = [("number", c_ulong), ("size", c_ulong)]


# Arguments of each function that is used.
_FUNCTIONS: dict[str, list[Any]] = {
    "EstablishContext": [c_ulong, c_void_p, c_void_p, POINTER(c_long)],
    "ReleaseContext": [c_long],
    "ListReaders": [c_long, c_char_p, c_char_p, POINTER(c_ulong)],
    "GetStatusChange": [c_long, c_ulong, POINTER(_State), c_ulong],
    "Connect": [c_long, c_char_p, c_ulong, c_ulong, POINTER(c_long), POINTER(c_ulong)],
    "Transmit": [c_long, POINTER(_Protocol), c_char_p, c_ulong, c_void_p, c_char_p, POINTER(c_ulong)],
    "Disconnect": [c_long, c_ulong],
}


def _loaded() -> dict[str, Callable[..., int]]:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        raise HostError(f"there is no PC/SC on this machine, {_LIBRARY}; {_DAEMON}") from None
    found = {}
    for name, arguments in _FUNCTIONS.items():
        function = getattr(library, f"SCard{name}")
        function.argtypes, function.restype = arguments, c_long
        found[name] = function
    return found


class Pcsc:
    """A connection to pcscd. Raises HostError for what is wrong with it."""

    def __init__(self) -> None:
        self._functions = _loaded()
        self._context = c_long()

    def __enter__(self) -> "Pcsc":
        self._done(self.call("EstablishContext", _SYSTEM, None, None, byref(self._context)))
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self.call("ReleaseContext", self._context)

    def call(self, name: str, *arguments: Any) -> int:
        """-> 0, or the number of what is wrong."""
        return self._functions[name](*arguments) & 0xFFFFFFFF

    def readers(self) -> list[str]:
        size = c_ulong()
        found = self.call("ListReaders", self._context, None, None, byref(size))
        if found == _NO_READERS:
            return []
        self._done(found)
        names = ctypes.create_string_buffer(size.value)
        self._done(self.call("ListReaders", self._context, None, names, byref(size)))
        return [name.decode() for name in names.raw[: size.value].split(b"\0") if name]

    def reader(self, part: str = "") -> str:
        """The one whose name has `part` in it; the only one there is."""
        names = self.readers()
        found = [name for name in names if part.lower() in name.lower()]
        if len(found) == 1:
            return found[0]
        if not names:
            raise HostError("there is no reader; plug one in")
        raise UsageFault(f"--reader names one of: {'; '.join(names)}")

    def has_card(self, reader: str) -> bool:
        """Looks for a moment when there is none."""
        state = _State(name=reader.encode())
        self._done(self.call("GetStatusChange", self._context, 0, byref(state), 1))
        if not state.event & _PRESENT:
            state.current = state.event
            found = self.call("GetStatusChange", self._context, _LOOK_MS, byref(state), 1)
            if found != _TIMEOUT:
                self._done(found)
        return bool(state.event & _PRESENT and not state.event & (_MUTE | _INUSE | _EXCLUSIVELY))

    def card(self, reader: str) -> "Card":
        return Card(self, self._context, reader)

    def _done(self, found: int) -> None:
        if found and found != _TIMEOUT:
            raise HostError(_WORDS.get(found, f"pcscd says {found:08X}"))


class Card:
    """The card that is in a reader, for this till alone while the context is entered. Raises NoCard, CardGone."""

    def __init__(self, pcsc: Pcsc, context: c_long, reader: str) -> None:
        self._pcsc, self._context, self._reader = pcsc, context, reader
        self._handle, self._protocol = c_long(), c_ulong()

    def __enter__(self) -> "Card":
        where = self._context, self._reader.encode(), _EXCLUSIVE, _ANY_PROTOCOL
        if self._pcsc.call("Connect", *where, byref(self._handle), byref(self._protocol)):
            raise NoCard
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None) -> None:
        self._pcsc.call("Disconnect", self._handle, _UNPOWER)

    def send(self, capdu: bytes) -> bytes:
        """A command APDU -> the answer, its status word at the end."""
        protocol = _Protocol(self._protocol.value, ctypes.sizeof(_Protocol))
        answer, size = ctypes.create_string_buffer(_ANSWER_B), c_ulong(_ANSWER_B)
        told = self._handle, byref(protocol), capdu, len(capdu), None, answer, byref(size)
        if self._pcsc.call("Transmit", *told) or size.value < 2:
            raise CardGone
        return answer.raw[: size.value]
