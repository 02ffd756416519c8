"""BLE: loads Improv's front for it while the device wants a network, and drops it then. A service. MicroPython.

Bluetooth takes memory of the chip's own beside that of its code, see docs/provisioning.md.
"""

import sys

import tos
import toscore
from micropython import const

_BLE_FAILED = const(426)

_LOOK_MS = const(1000)
_PATIENCE_MS = const(30000)  # a device that has networks is given time to find one of them
_RETRY_MS = const(60000)
_ENOMEM = const(12)
_LOADED = ((tos, "tos.", "improv_ble"), (toscore, "toscore.", "improv_ble"))


class Ble:
    def __init__(self):
        self._presses = 0  # those that have been answered

    def _is_wanted(self, app, machine):
        """Not on a network, or the owner has pressed the button to change it."""
        if app.board.radio.status()[0]:
            return machine.is_paired() and machine.is_open() and machine.presses != self._presses
        return not machine.networks() or app.clock.ms() - machine.net.since_ms >= _PATIENCE_MS

    async def run(self, app):
        while True:
            machine = app.wifi.machine(app)  # which stays: such a board has the room
            if self._is_wanted(app, machine):
                await self._serve(app, machine)
                self._presses = machine.presses
            await app.clock.sleep_ms(_LOOK_MS)

    async def _serve(self, app, machine):
        front = None
        try:
            from tos.improv_ble import ImprovBle

            front = ImprovBle(app, machine, app.board.bluetooth())
            front.start()
            await front.run()
            return
        except (OSError, MemoryError) as e:
            app.log.event(_BLE_FAILED, e.errno or 0 if isinstance(e, OSError) else _ENOMEM)
        finally:
            if front:
                front.stop()
            front = ImprovBle = None
            _drop()
        await app.clock.sleep_ms(_RETRY_MS)


def _drop():
    for package, prefix, name in _LOADED:
        if sys.modules.pop(prefix + name, None):
            delattr(package, name)
