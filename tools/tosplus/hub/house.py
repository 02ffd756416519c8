"""The devices as a page sees them, and what is remembered of each. No network, no database."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..link.schema import Identity, Resource, Value

MOST = 500
_NAME_CHARS = 40
_KEPT = ("id", "name", "address", "since", "seen", "next", "boot", "starts", "sequence")


@dataclass
class Device:
    """One device. Times are s since 1970 by the hub's clock.

    latest is what was last given to the journal; shown what it has committed since, with when: pages see that.
    """

    id: str
    name: str
    address: str  # HOST:PORT
    identity: Identity
    link: str = "new"  # live, away, asleep; new: not spoken with yet
    told: str = "new"  # the link of which an event last told
    since: float = field(default_factory=time.time)
    seen: float = field(default_factory=time.time)
    next: float | None = None
    boot: int | None = None
    starts: int = 0
    sequence: int = -1  # of the last event of this boot
    rules: list[dict[str, Any]] | None = None
    warnings: dict[str, str] = field(default_factory=dict)
    latest: dict[str, Value] = field(default_factory=dict)
    shown: dict[str, tuple[Value, float]] = field(default_factory=dict)
    paired: bool = False
    waiting: list[dict[str, Any]] = field(default_factory=list)  # commands for its next report, as the API tells them

    @classmethod
    def from_row(cls, row: Mapping[str, Any], last: Mapping[str, tuple[Value, float]]) -> "Device":
        """As the database has it; its link is "new" until it answers, unless it sleeps."""
        table = row["table"]
        identity = Identity(**{**table, "resources": [Resource(**each) for each in table["resources"]]})
        values = {path: value for path, (value, at) in last.items()}
        fields = {key: row[key] for key in _KEPT}
        link = "asleep" if row["link"] == "asleep" else "new"
        return cls(**fields, link=link, told=row["link"], identity=identity, latest=values, shown=dict(last))

    def row(self) -> dict[str, Any]:
        """What the database keeps."""
        return {**{key: getattr(self, key) for key in _KEPT}, "link": self.told, "table": asdict(self.identity)}

    def view(self) -> dict[str, Any]:
        """What the API tells."""
        return {
            **{key: getattr(self, key) for key in ("id", "name", "address", "link", "since", "seen", "next", "starts")},
            **{key: getattr(self.identity, key) for key in ("model", "version", "board", "features")},
            "warnings": [{"kind": kind, "text": text} for kind, text in self.warnings.items()],
            "resources": [self._resource(row) for row in self.identity.resources],
            "rules": self.rules,
            "paired": self.paired,
            "waiting": self.waiting,
        }

    def by_path(self, state: Mapping[int, Value]) -> dict[str, Value]:
        """Indexes that the table has not are left out."""
        return {row.path: state[row.index] for row in self.identity.resources if row.index in state}

    def paths(self) -> dict[int, str]:
        return {row.index: row.path for row in self.identity.resources}

    def where(self) -> tuple[str, int]:
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)

    def _resource(self, row: Resource) -> dict[str, Any]:
        value, at = self.shown.get(row.path, (None, None))
        return {**asdict(row), "value": value, "at": at}


def unique(name: str, taken: Iterable[str]) -> str:
    """kettle, kettle 2, kettle 3"""
    name, others = name[:_NAME_CHARS], set(taken)
    number, found = 1, name
    while found in others:
        number += 1
        found = f"{name[: _NAME_CHARS - 1 - len(str(number))]} {number}"
    return found
