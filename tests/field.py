"""Numbers that write down what is done with them: how many field multiplications, and in which order. CPython."""

from contextlib import contextmanager

from toscore import ecdsa, p256


class Traced(int):
    """A number whose results are Traced too."""

    trace = []

    @classmethod
    def from_bytes(cls, data, order):
        return cls(int.from_bytes(data, order))

    def __pow__(self, exponent, modulus=None):
        self.trace.append("pow")
        return Traced(pow(int(self), int(exponent), modulus))


def _traced(name):
    plain = getattr(int, name)
    operation = name.strip("_").removeprefix("r") if name.startswith("__r") else name.strip("_")

    def method(self, other):
        # A product of two large numbers is a field multiplication; by a small constant it costs next to nothing.
        large = operation == "mul" and min(abs(self), abs(other)) >> 64
        self.trace.append("MUL" if large else operation)
        return Traced(plain(self, other))

    setattr(Traced, name, method)


for _name in ("add", "sub", "mul", "mod"):
    _traced(f"__{_name}__")
    _traced(f"__r{_name}__")


@contextmanager
def traced():
    """Yields the list of operations of what is run inside it."""
    try:
        for module in (p256, ecdsa):
            module.int = Traced
        p256.GX = Traced(p256.GX)
        Traced.trace = trace = []
        yield trace
    finally:
        for module in (p256, ecdsa):
            del module.int
        p256.GX = int(p256.GX)
