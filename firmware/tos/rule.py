"""Rules: a condition on one resource and what to do when it comes true. MicroPython."""


class Rule:
    """path: the resource watched. One of above, below, equals. action(dev, value) is called when it comes true.

    A rule fires when its condition comes true. It is armed again when that goes false, and when anyone but a rule
    writes an output that depends on this path: nobody can hold a kettle on above its limit by writing once more.
    """

    def __init__(self, path, action, above=None, below=None, equals=None):
        if (above is None) + (below is None) + (equals is None) != 2:
            raise ValueError("%s: a rule has one of above, below, equals" % path)
        self.path = path
        self.action = action
        self._above = above
        self._below = below
        self._equals = equals
        self._held = False

    def arm(self):
        self._held = False

    def fires(self, value):
        """True once for each time that the condition comes true. None, a value not known, is never true."""
        if value is None:
            true = False
        elif self._above is not None:
            true = value > self._above
        elif self._below is not None:
            true = value < self._below
        else:
            true = value == self._equals
        fires = true and not self._held
        self._held = true
        return fires
