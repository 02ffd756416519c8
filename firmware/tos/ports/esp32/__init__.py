"""The adapters for ESP32 chips: the contracts of tos/ports over stock MicroPython 1.25 and newer. ESP32 only."""

import asyncio
import os
import sys
import time
from asyncio import core  # type: ignore[attr-defined]  # the stubs leave it out

import machine
import micropython
from cryptolib import aes
from esp32 import NVS, Partition
from micropython import const

_EPOCH_S = 946684800 if time.gmtime(0)[0] == 2000 else 0  # from 1970 to the epoch of this firmware
_2020_S = const(1577836800)
_2068_S = const(3094168448)  # where gmtime overflows
_STOPPED_MS = const(1000000000)  # 11 days; IDF counts in 500 us, its second stage to twice the time, both in 32 bits
_NVS_NOT_FOUND = const(-0x1102)  # MicroPython negates the error codes of nvs.h
_NVS_INVALID_LENGTH = const(-0x110C)
_VALUE_B = const(4000)

uid = machine.unique_id()
cause = {
    machine.PWRON_RESET: 0,
    machine.WDT_RESET: 2,
    machine.SOFT_RESET: 3,
    machine.DEEPSLEEP_RESET: 4,
}.get(machine.reset_cause(), 1)  # a crash and a reset by the USB host count as a command
if cause == 4 and machine.wake_reason() != machine.TIMER_WAKE:
    cause = 5

# The chip's generator is a true one only while the radio is on. Radio switches it on and never off: make the Radio
# first.
rng = os.urandom


class Clock:
    """ms() has to be called once in 6 days, or it misses a turn of the ticks; the supervisor does so every second.

    The chip's own clock runs on through soft reset, watchdog and deep sleep, and starts in 2000 (or 1970) with the
    power. So wall() needs no flag: a time after 2020 is one that somebody has set.
    """

    def __init__(self):
        self._ms = 0
        self._ticks = time.ticks_ms()

    def ms(self):
        ticks = time.ticks_ms()
        self._ms += time.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._ms

    def wall(self):
        seconds = time.time() + _EPOCH_S
        return seconds if seconds >= _2020_S else None

    def set_wall(self, seconds):
        """ValueError before 2020, which wall() could not tell from unset, and from 2068 on."""
        if not _2020_S <= seconds < _2068_S:
            raise ValueError(seconds)
        year, month, day, hour, minute, second, weekday, _ = time.gmtime(seconds - _EPOCH_S)
        machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))

    def sleep_ms(self, n):
        return asyncio.sleep_ms(n)


class Console:
    """The first serial port or USB. What nobody reads of it is kept by the driver, some 260 B, and then lost."""

    def open(self):
        micropython.kbd_intr(-1)

    def close(self):
        micropython.kbd_intr(3)

    def read(self):  # a coroutine in MicroPython's sense, as in its own asyncio.stream
        yield core._io_queue.queue_read(sys.stdin)
        return sys.stdin.buffer.read(1)[0]

    def write(self, data):
        sys.stdout.buffer.write(data)  # print would end lines with \r\n, in a packet too


class Watchdog:
    """IDF's task watchdog, which can be given another time but not stopped. It runs on through a soft reset."""

    def __init__(self):
        self._wdt = None

    def start(self, timeout_ms):
        self._wdt = machine.WDT(timeout=timeout_ms)

    def feed(self):
        if self._wdt:
            self._wdt.feed()

    def stop(self):
        self.start(_STOPPED_MS)


class Keystore:
    """Blobs of at most 4000 B in the NVS partition, namespace "tos". Stock firmware does not encrypt it."""

    def __init__(self):
        self._nvs = NVS("tos")

    def get(self, name):
        _check(name)
        size_b = 125
        while True:
            value = bytearray(size_b)
            try:
                return bytes(value[: self._nvs.get_blob(name, value)])
            except OSError as e:
                if e.errno == _NVS_NOT_FOUND:
                    return None
                # NVS knows the size but does not tell; it says only that the buffer is too small.
                if e.errno != _NVS_INVALID_LENGTH or size_b >= _VALUE_B:
                    raise
            size_b *= 2

    def put(self, name, value):
        _check(name)
        if len(value) > _VALUE_B:
            raise ValueError(name)
        self._nvs.set_blob(name, value)
        self._nvs.commit()

    def erase(self, name):
        _check(name)
        try:
            self._nvs.erase_key(name)
        except OSError as e:
            if e.errno != _NVS_NOT_FOUND:
                raise
        self._nvs.commit()


class Rtc:
    """2048 B of the memory that the RTC keeps powered, as stock firmware hands it out. Noise after the power came is no
    value: MicroPython marks what is written, and says b"" where the mark is missing."""

    def __init__(self):
        self._rtc = machine.RTC()

    def get(self):
        return self._rtc.memory()

    def put(self, data):
        self._rtc.memory(data)


def _check(name):
    if not 0 < len(name) <= 15:
        raise ValueError(name)


class Switch:
    """An output pin. It is off from the moment in which it becomes an output."""

    def __init__(self, pin, active_high=True):
        self._active_high = active_high
        self._pin = machine.Pin(pin, machine.Pin.OUT, value=not active_high)

    def __call__(self, on):
        self._pin(bool(on) == self._active_high)


class Level:
    def __init__(self, pin):
        self._pwm = machine.PWM(machine.Pin(pin), freq=1000, duty_u16=0)

    def __call__(self, percent):
        """ValueError outside 0..100."""
        self._pwm.duty_u16(int(percent * 65535 // 100))


class Button:
    """A contact from the pin to ground."""

    def __init__(self, pin):
        self.pin = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)

    def __call__(self):
        return not self.pin()


class Adc:
    """About 150 to 2450 mV on an ESP32, corrected with the chip's calibration; OSError if its eFuses hold none."""

    def __init__(self, pin):
        self._adc = machine.ADC(machine.Pin(pin), atten=machine.ADC.ATTN_11DB)

    def read_mv(self):
        return self._adc.read_uv() // 1000


def sleep(ms, wake):
    """Buttons have to be on RTC pins, with resistors to 3.3 V: the chip's own pull-ups are off in deep sleep. A plain
    ESP32 wakes when all of them are down, later chips when any is."""
    if wake:
        from esp32 import WAKEUP_ALL_LOW, wake_on_ext1

        wake_on_ext1(tuple([button.pin for button in wake]), WAKEUP_ALL_LOW)
    machine.deepsleep(ms)


def bluetooth():
    """NimBLE and the controller are in ESP-IDF's heap from active(True) to active(False), beside Wi-Fi's. A C3 has not
    enough for both (micropython issue 18859), and what fails in NimBLE's own task is a panic."""
    import bluetooth as module

    return module


restart = machine.reset


def services():
    return []
