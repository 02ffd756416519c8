"""The time that a tap would take with real chips, from what was counted on the simulated wires. See docs/nfc.md."""

from collections.abc import Iterable

from .air import Heard

_BIT_US = 128 / 13.56  # at 106 kbit/s
_FRAME_BITS = 2  # start and end
_BYTE_BITS = 9  # with its parity
_ANSWER_US = 1172 / 13.56  # the frame delay time of ISO/IEC 14443-3, without what the card needs itself
_HSU_BITS = 10  # a byte with its start and its stop
SLOWER = 200  # an ESP32 than the Unix port, an assumption


def radio_ms(frames: Iterable[Heard]) -> float:
    """Of each frame that went through the field, and the pause before its answer."""
    return sum(_ANSWER_US + _BIT_US * (_FRAME_BITS + _BYTE_BITS * len(frame.data)) for frame in frames) / 1000


def tap_ms(frames: Iterable[Heard], hsu_b: int, baud: int, compute_us: float) -> float:
    """hsu_b: bytes on the card's serial port, both ways. compute_us: what driver and card took on the Unix port."""
    return radio_ms(frames) + hsu_b * _HSU_BITS * 1000 / baud + compute_us * SLOWER / 1000
