# Runs before main.py at every start, and leaves to it which slots are to run, see docs/updates.md.
import sys

import machine
import micropython

# A client of Improv asks every second while a device starts, and 0x03 is in what it sends: it must not interrupt. What
# comes waits for tos/console.py. After the watchdog's reset Ctrl-C stops an app that hangs.
if machine.reset_cause() != machine.WDT_RESET:
    micropython.kbd_intr(-1)

try:
    from esp32 import Partition
except ImportError:  # where only files are updated
    Partition = None

for path in ("/", "/r"):  # each has a copy of slots.py; one may be damaged
    sys.path.insert(0, path)
    sys.modules.pop("slots", None)
    try:
        import slots

        order = slots.due(machine.reset_cause() == machine.DEEPSLEEP_RESET, Partition)
        if order is None:
            machine.reset()
        break
    except Exception as e:
        sys.print_exception(e)
    finally:
        sys.path.pop(0)
slots = sys.modules.pop("slots", None) and None
