"""UNIX: a process on MicroPython's Unix port, with a simulated chip and world."""

import chip
from tos.ports import unix
from tos.ports.unix.control import Control
from tos.ports.unix.radio import Radio
from tos.ports.unix.world import Adc, Button, Display, Keys, Level, Switch, World

NAME = "UNIX"
uid = bytes.fromhex(chip.args["uid"])
cause = chip.args["cause"]
plain = chip.args.get("plain", False)

clock = unix.Clock(chip.args["rate"], chip.args.get("wall"))
_wire = unix.Wire()
_world = World(
    chip.args["model"], clock, chip.world, chip.args.get("ambient_c", 20.0), chip.args.get("slept_ms", 0)
)

console = unix.Console()
watchdog = unix.Watchdog(_wire, chip.args["rate"])
radio = Radio(clock, _wire, chip.args.get("access_points"))
keystore = unix.Keystore()
rng = unix.rng
aes = unix.aes
bluetooth = unix.bluetooth if chip.args.get("bluetooth") else None
rtc = unix.Rtc(bytes.fromhex(chip.args.get("rtc", "")))


def _nfc():
    from tos.ports.unix.nfc import Nfc

    return Nfc(chip.serial, chip.args.get("contacts", False))


features = {
    "relay": lambda: Switch(_world, "relay"),
    "probe": lambda: Adc(_world, "probe_mv"),
    "led": lambda: Level(_world, "led_percent"),
    "button": lambda: Button(_world, "button"),
    "door": lambda: Button(_world, "door"),
    "display": lambda: Display(_world, "display"),
    "button_a": lambda: Button(_world, "button_a"),
    "button_b": lambda: Button(_world, "button_b"),
    "battery": lambda: Adc(_world, "battery_mv"),
    "vibration": lambda: Switch(_world, "vibration"),
    "speaker": lambda: Level(_world, "speaker_percent"),
    "keys": lambda: Keys(_world, "keys"),
    "nfc": _nfc,
}
pairing = "button"
Partition = chip.Partition


def sleep(ms, wake):
    _world.save()
    unix.sleep(_wire, clock, rtc, ms, wake)


def restart():
    _world.save()
    chip.power_off("USR2")


def services():
    return [Control(_wire.udp, _world, clock, radio)]
