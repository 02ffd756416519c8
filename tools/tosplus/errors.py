"""What went wrong, in words for the person at the keyboard. `tos` prints these without a traceback."""


class HostError(Exception):
    """A message that says what to do next. exit_code is what `tos` exits with."""

    exit_code = 1


class UsageFault(HostError):
    """What was given cannot be understood: bad hex, an unknown board."""

    exit_code = 2


class Unreachable(HostError):
    """Nobody answers: a device is off, its address is wrong, its REPL is stuck."""

    exit_code = 3
