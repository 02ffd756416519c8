"""Factory reset: peers, config, state, rules and the secret are forgotten. MicroPython.

A mark is written first, and goes last. Wherever the power fails, the device is as it was, or the next start finds the
mark and does all of it. What stays is the counter of sent messages: no number of it may come twice, see peers.py.
"""

from tos.store import Record

_MARK = "reset"  # which the app looks for at each start
_KEYS = ("pairing",) + tuple(["peer%d" % n for n in range(8)])
_FILES = ("/config.rec", "/state.rec", "/rules.rec", "/commands.rec")


def order(keystore):
    """The next start resets. Durable when it returns; raises StoreError or OSError."""
    keystore.put(_MARK, b"\x01")


def finish(keystore):
    """Raises StoreError or OSError, and is to be done again then."""
    for name in _KEYS:
        keystore.erase(name)
    for path in _FILES:
        Record(path).erase()
    keystore.erase(_MARK)
