"""What a device says of an update, `/o` of its link, and what that means for who wants it to take one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..words import WORDS

WAITING, DOWNLOADING, TRIAL = "waiting", "downloading", "trial"
CONFIRMED, FAILED, ROLLED_BACK = "confirmed", "failed", "rolled back"
UNDER_WAY = (DOWNLOADING, TRIAL)
SETTLED = (CONFIRMED, FAILED, ROLLED_BACK)
BUSY = 399  # what it answers while it takes another one

_IDLE, _DOWNLOADING, _READY, _TRIAL, _CONFIRMED, _FAILED, _ROLLED_BACK = range(7)
_UINT32 = 2**32


class Status(NamedTuple):
    """`GET /o`, docs/updates.md. sequence: of what runs; code: of the reason, 0 for none."""

    sequence: int
    state: int
    target: int
    done_b: int
    total_b: int
    code: int

    @classmethod
    def from_wire(cls, wire: Any) -> "Status":
        """Raises ValueError."""
        told = [wire.get(key) for key in range(6)] if isinstance(wire, Mapping) else []
        fields = [each for each in told if type(each) is int and 0 <= each < _UINT32]
        if len(fields) < 6 or fields[1] > _ROLLED_BACK:
            raise ValueError("what it says of updates cannot be understood")
        return cls(*fields)


@dataclass
class Progress:
    """Of one update on one device. code, text: why it is as it is, where there is something to say."""

    state: str = WAITING
    done_b: int = 0
    total_b: int = 0
    code: int = 0
    text: str = ""

    def seen(self, told: Status, sequence: int) -> bool:
        """The device says this, and is to have that sequence -> whether to order it to, now."""
        mine = told.target == sequence
        if told.state in (_DOWNLOADING, _READY, _TRIAL):
            if mine and told.state == _DOWNLOADING:
                self._set(DOWNLOADING)
                self.done_b, self.total_b = told.done_b, told.total_b
            elif mine:
                self._set(TRIAL)
                self.done_b = self.total_b
            else:
                self.text = f"it takes update {told.target} now"
            return False
        if told.sequence >= sequence:
            self._set(CONFIRMED, text="" if told.sequence == sequence else f"it runs {told.sequence} already")
        elif self.state in UNDER_WAY and mine and told.state == _FAILED:
            self.failed(told.code)
        elif self.state in UNDER_WAY and mine and told.state == _ROLLED_BACK:
            self._set(ROLLED_BACK, told.code, reason(told.code))
        elif self.state in UNDER_WAY and mine:
            self.failed(text="somebody has ended the download")
        else:
            return True
        return False

    def ordered(self, total_b: int) -> None:
        self._set(DOWNLOADING)
        self.done_b, self.total_b = 0, total_b

    def failed(self, code: int = 0, text: str = "") -> None:
        self._set(FAILED, code, text or reason(code))

    def waits(self, text: str = "") -> None:
        self._set(WAITING, text=text)
        self.done_b = 0

    def _set(self, state: str, code: int = 0, text: str = "") -> None:
        self.state, self.code, self.text = state, code, text


def reason(code: int) -> str:
    """A device's code in words."""
    if code not in WORDS:
        return f"code {code}" if code else "it gives no reason"
    return WORDS[code].text.format(a="some", b="")
