"""What toscore needs of MicroPython's own module when it runs on CPython. Never shipped: a device has the real one."""


def const(value):
    return value


def native(fn):
    return fn
