"""Modules of `tos` that a device at rest does not need: loaded when asked for, and dropped again. MicroPython."""

import gc
import sys

from micropython import const
from toscore.errors import Busy

_PEER_NO_ROOM = const(358)
_QUIET = const(30)

_lent = {}  # {name: for how many calls of tidy nobody asked for it}


def load(name):
    """-> the module tos.NAME, loaded now if it was not: what a device at rest does not need. Busy without room for it.
    Whoever loads it drops it."""
    name = "tos." + name
    if name not in sys.modules:
        gc.collect()  # so that it lies together, and leaves one hole
    try:
        return __import__(name, None, None, (name,))
    except MemoryError:
        raise Busy(_PEER_NO_ROOM)


def lend(name):
    """As load, for what is asked for now and then. Half a minute after the last time it is dropped: ask anew each time,
    and keep nothing that is its."""
    module = load(name)
    _lent[name] = 0
    return module


def tidy():
    """Called once a second."""
    for name in list(_lent):
        _lent[name] += 1
        if _lent[name] > _QUIET:
            del _lent[name]
            drop("tos." + name)


def drop(*names):
    """Modules, by full name, that were needed for a while; nobody may run what is theirs. The heap has it back."""
    for name in names:
        module = sys.modules.pop(name, None)
        if module:
            package, name = name.rsplit(".", 1)
            delattr(sys.modules[package], name)
            module.__dict__.clear()  # a task that has ended may be referred to for long, and refers to its module
