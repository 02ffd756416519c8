"""TOS+ core codecs and protocol machines. Pure: bytes in, bytes out, on MicroPython and CPython."""
