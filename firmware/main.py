# Runs what boot.py found due, or else what comes next. Damaged or not, something is to run in the end: docs/updates.md.
import gc
import sys
import time

import machine

order = globals().get("order") or [("r", ([0, 0, 0, 0, 0, 0, "r"], False, False))]
before = list(sys.modules)
while order:
    slot, update = order.pop(0)
    sys.path[:0] = ["/" + slot, "/%s/lib" % slot]
    began = time.ticks_ms()
    try:
        gc.collect()
        import board

        # A client of Improv asks every second while a device starts, and 0x03 is in what it sends: it must not
        # interrupt. What comes waits for tos/console.py. After the watchdog's reset Ctrl-C stops an app that hangs.
        if board.cause != 2:
            board.console.open()
        try:
            from app import app

            board.slot, board.update = slot, update
            app.run(board)
        finally:
            board.console.close()
        break  # by Ctrl-C
    except Exception as e:
        sys.print_exception(e)
    if time.ticks_diff(time.ticks_ms(), began) > 60000:
        machine.reset()  # it had started well
    board = app = None
    for name in list(sys.modules):
        if name not in before:
            del sys.modules[name]
    del sys.path[:2]
else:
    time.sleep(1)
    machine.reset()
