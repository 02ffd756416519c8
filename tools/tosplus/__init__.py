"""TOS+ host tools. CPython only."""
