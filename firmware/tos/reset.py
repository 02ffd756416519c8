"""Factory reset: peers, config, state, rules and the secret are forgotten. MicroPython.

A mark is written first, and goes last. Wherever the power fails, the device is as it was, or the next start finds the
mark and does all of it. What stays are the counters of sent messages, see peers.py, and of payments, see wallet.py: no
number of them may come twice.
"""

from micropython import const
from tos.store import Record
from toscore.errors import StoreError

_RESET_FAILED = const(415)

_MARK = "reset"  # which the app looks for at each start
_KEYS = ("pairing",) + tuple(["peer%d" % n for n in range(8)] + ["pay", "pay_next", "pay_pin", "pay_tries"])
_FILES = ("/config.rec", "/state.rec", "/rules.rec", "/commands.rec", "/pay.rec", "/till.rec", "/sales.rec")


def order(app):
    """The device starts anew, and resets then: so it is not done by halves. Nothing happens, and it is logged, when
    that cannot be kept."""
    board = app.board
    try:
        board.keystore.put(_MARK, b"\x01")
    except (StoreError, OSError):
        app.log.event(_RESET_FAILED)
        return
    app.make_safe()
    if app.announce:
        app.announce.end()  # as what it was
    board.restart()


def finish(keystore):
    """Raises StoreError or OSError, and is to be done again then."""
    for name in _KEYS:
        keystore.erase(name)
    for path in _FILES:
        Record(path).erase()
    keystore.erase(_MARK)
