# What MicroPython starts: the slot that is due, see docs/updates.md. Damaged or not, something is to run in the end.
import gc
import sys
import time

import machine

order, update = "r", (None, False)
for path in ("/", "/r"):  # each has a copy of slots.py
    sys.path.insert(0, path)
    sys.modules.pop("slots", None)
    try:
        import slots

        order, update = slots.due(machine.reset_cause() == machine.DEEPSLEEP_RESET)
        break
    except Exception as e:
        sys.print_exception(e)
    finally:
        sys.path.pop(0)
slots = sys.modules.pop("slots", None) and None

for slot in order:
    before = list(sys.modules)
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
