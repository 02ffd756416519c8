"""The counted half of the modelled time of a tap: what goes through the field and over the serial line."""

from bench.tap import TILL, counted
from tosplus.sim.pn532.air import Heard
from tosplus.sim.pn532.tap import radio_ms, tap_ms


def test_a_frame_takes_as_long_as_its_bits():
    # 106 kbit/s is 13.56 MHz / 128; one byte is 9 bits, with start and end 11, and 1172 cycles until it is answered.
    assert round(radio_ms([Heard(True, b"\x26")]) * 1000, 1) == round((11 * 128 + 1172) / 13.56, 1)
    assert round(tap_ms([], 1152, 115200, 0)) == 100
    assert round(tap_ms([], 0, 115200, 100)) == 20


def test_a_tap_leaves_time_to_compute_in():
    frames, serial_b, of_chip = counted()
    chosen = [frame.data[:1] for frame in frames[:8:2]]
    assert chosen == [b"\x26", b"\x93", b"\x93", b"\xe0"]
    assert len(of_chip) == 4 * len(TILL)
    assert radio_ms(frames) < 45
    assert tap_ms(frames, serial_b, 115200, 0) < 100
    assert tap_ms(frames, serial_b, 921600, 0) < 50
