"""Levers: what a person can do to a simulated device, as the bench shows it."""

from dataclasses import dataclass
from typing import Any

from ..link.schema import Identity


@dataclass(frozen=True)
class Lever:
    """What a person can do to a device. kind: what POST takes as its value.

    toggle  a bool; words says what false and true are
    press   nothing; a moment later it is released
    choice  one of options
    act     nothing
    """

    name: str
    kind: str
    title: str
    signal: str = ""
    words: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def row(self, value: bool | None) -> dict[str, Any]:
        fields: dict[str, Any] = {"name": self.name, "kind": self.kind, "title": self.title, "value": value}
        if self.words:
            fields["words"] = self.words
        if self.options:
            fields["options"] = self.options
        return fields


_OF_FEATURE = {  # see boards/UNIX/board.py
    "door": Lever("door", "toggle", "Door", "door", words=("closed", "open")),
    "button": Lever("button", "press", "Button", "button"),
    "button_a": Lever("button_a", "press", "Button A", "button_a"),
    "button_b": Lever("button_b", "press", "Button B", "button_b"),
    "nfc": Lever("near", "toggle", "Field", words=("away", "near")),
    "probe": Lever("probe", "toggle", "Probe", "probe_mv", words=("works", "broken")),
}
_SILENT_KEYS = {"till": (*"0123456789", "clear")}  # by model: keys of which the app makes no event
PAIRING = Lever("button", "press", "Pairing button", "button")  # of the board, where the app has none
CUT = Lever("cut", "act", "power cut in the next write")
PLUG = Lever("plug", "toggle", "Plug", words=("unplugged", "plugged in"))
KILL = Lever("kill", "act", "kill -9")


def levers(identity: Identity) -> list[Lever]:
    """From what the device says of itself: its features, the options of its events, whether it ever writes."""
    found = [_OF_FEATURE[name] for name in identity.features if name in _OF_FEATURE]
    if "keys" in identity.features:
        events = [option for row in identity.resources if row.event for option in row.options or ()]
        keys = (*_SILENT_KEYS.get(identity.model, ()), *events)
        found.append(Lever("keys", "choice", "Keys", "keys", options=keys))
    if not any(name.startswith("button") for name in identity.features):
        found.append(PAIRING)
    if any(row.keep for row in identity.resources):
        found.append(CUT)
    return [*found, PLUG, KILL]
