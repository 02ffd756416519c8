"""A keypad of rows and columns without diodes. MicroPython; takes pins."""


class Keys:
    """rows: open-drain output pins, high; columns: input pins with pull-ups; a key joins one of each.

    names: of the keys, row after row. Who presses for less time than passes between two calls is not seen.
    """

    def __init__(self, rows, columns, names):
        if len(names) != len(rows) * len(columns):
            raise ValueError(names)
        self._rows = rows
        self._columns = columns
        self._names = names
        self._down = None

    def __call__(self):
        """The name of a key that has gone down since the last call, or None. While several are down there is none: a
        third and fourth key would seem to be, through the other two."""
        down = None
        n = 0
        for row in self._rows:
            row(0)
            for column in self._columns:
                if not column():
                    if down is not None:
                        row(1)
                        return None
                    down = n
                n += 1
            row(1)
        if down == self._down:
            return None
        self._down = down
        return None if down is None else self._names[down]
