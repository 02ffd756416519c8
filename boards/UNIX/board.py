"""UNIX: a process on MicroPython's Unix port, with a simulated chip and world."""

import chip
from tos.ports import unix
from tos.ports.unix.control import Control
from tos.ports.unix.world import Adc, Button, Led, Switch, World

NAME = "UNIX"
uid = bytes.fromhex(chip.args["uid"])
cause = chip.args["cause"]

clock = unix.Clock(chip.args["rate"], chip.args.get("wall"))
_wire = unix.Wire()
_world = World(chip.args["model"], clock, chip.world)

watchdog = unix.Watchdog(_wire, chip.args["rate"])
radio = unix.Radio(clock, _wire, chip.args.get("access_points", []))
keystore = unix.Keystore()
rng = unix.rng
aes = unix.aes

features = {
    "relay": lambda: Switch(_world, "relay"),
    "probe": lambda: Adc(_world, "probe_mv"),
    "led": lambda: Led(_world, "led_percent"),
    "button": lambda: Button(_world, "button"),
}


def services():
    return [Control(_wire.udp, _world, clock, radio)]
