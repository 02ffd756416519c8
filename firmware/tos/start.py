"""How an app starts on a board; dropped when its services run. MicroPython."""

import gc

from micropython import const
from tos.app import Shown
from tos.lazy import lend
from tos.log import Log
from toscore.errors import StoreError, TosError

_BOOT = const(201)
_NEEDS_FEATURE = const(412)
_RESET_FAILED = const(415)

_RESET = "reset"  # in the keystore: a factory reset is to be done, see reset.py
_SHOWN = ("led", "vibration", "display")


def bind(app, board):
    """The app gets its drivers, and all outputs are safe. TosError for a feature that the board lacks."""
    app.board = board
    app.clock = board.clock
    app.log = Log(board.clock)
    app.id = "%s-%s" % (app.name, board.uid.hex())
    app.boot = int.from_bytes(board.rng(4), "big")
    for name in app.needs:
        if name not in board.features:
            has = ", ".join(sorted(board.features))
            raise TosError(_NEEDS_FEATURE, "%s needs %s; board %s has %s" % (app.name, name, board.NAME, has))
    for name in app.needs:
        driver = board.features[name]()
        if name in _SHOWN:
            driver = app.shown[name] = Shown(driver)
        setattr(app.dev, name, driver)
    for rule in app.engine.own:
        app.table[rule.path]
    for rule in app.declared:
        lend("rules").check(rule, app.table)
    for r in app.table.rows:
        for path in app.depends(r):
            app.table[path]
    app.make_safe()
    app.log.event(_BOOT, board.cause)


def services(app):
    """The services, in the order in which they start: stored values first, the world outside last."""
    board = app.board
    gc.collect()  # what loading a module leaves over would else scatter the next ones over the whole heap
    from tos.link import Link

    gc.collect()
    from tos.console import Console
    from tos.hub import Hub
    from tos.reader import Reader
    from tos.state import Config, Rules, State
    from tos.wifi import Wifi

    gc.collect()
    try:
        if board.keystore.get(_RESET) is not None:
            from tos.reset import finish

            finish(board.keystore)
    except (StoreError, OSError):
        app.log.event(_RESET_FAILED)
    app.config = Config(app.log)
    app.rules = Rules(app)
    app.state = State(app)
    app.link = Link(app)
    app.hub = Hub(app, app.link)
    app.wifi = Wifi()
    if getattr(board, "slot", None):
        app.told, is_news, is_busy = board.update
        if is_news or is_busy:
            from tos.ota import begin

            begin(app, is_news, is_busy)
    own = [app.wifi, Console(), app.link, app.hub]
    started = [app.state, Reader()] + app.services + board.services() + own
    if getattr(board, "bluetooth", None):
        from tos.ble import Ble

        started.append(Ble())
    if not getattr(board, "plain", False):
        from tos.pairing import Pairing

        gc.collect()
        app.pairing = Pairing(app)
        started.append(app.pairing)
    if not any([getattr(service, "sleeps", False) for service in app.services]):
        from tos.announce import Announce

        gc.collect()
        app.announce = Announce(app)
        started.insert(0, app.announce)
    return started
