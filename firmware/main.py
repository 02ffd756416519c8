# Runs what boot.py found due, or else what comes next. Damaged or not, something is to run in the end: docs/updates.md.
import gc
import sys
import time

import machine
import micropython
import vfs

order = globals().get("order") or [("r", ([0, 0, 0, 0, 0, 0, "r"], False, False), None)]
before = list(sys.modules)
try:
    vfs.umount("/rom")  # firmware with romfs has mounted slot a's half, whatever is in it
except OSError:
    pass
while order:
    if machine.reset_cause() != machine.WDT_RESET:  # as in boot.py; MicroPython lets each file be interrupted anew
        micropython.kbd_intr(-1)
    slot, update, rom = order.pop(0)
    sys.path[:0] = ["/" + slot, "/%s/lib" % slot]
    began = time.ticks_ms()
    try:
        gc.collect()
        if rom:  # it stays when the slot crashes: names that were loaded from there point to it
            vfs.mount(vfs.VfsRom(rom), "/%s/lib" % slot)
        import board
        from app import app

        board.slot, board.update = slot, update
        app.run(board)
        break  # by Ctrl-C
    except Exception as e:
        sys.print_exception(e)
    finally:
        micropython.kbd_intr(3)
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
