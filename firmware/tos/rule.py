"""Rules: a condition on one resource and what to do when it comes true; the engine that runs them. MicroPython."""

from micropython import const
from toscore.errors import TosError

_RULE = const(206)
_OWNERS_RULE = const(211)
_RULE_REFUSED = const(344)
_OWNERS_LOOP = const(345)
_RULE_LOOP = const(408)
_RULE_CRASHED = const(409)

MOST = 16  # of one owner
_MAX_FIRINGS = const(16)

# The condition, as the key that it has in `/b`.
_ABOVE = const(1)
_BELOW = const(2)
EQUALS = 3


class Rule:
    """path: the resource watched. One of above, below, equals.

    What it does is the maker's code, action(dev, value), or data that an owner may replace: target, the path written,
    and the value that it is set to; a switch is toggled when that is None. peer: whose path that is; None: our own.

    A rule fires when its condition comes true, on an event at each occurrence. It is armed again when that goes false,
    and the maker's code also when anyone but itself writes an output that depends on this path: nobody can hold a
    kettle on above its limit by writing once more.
    """

    def __init__(self, path, action, above=None, below=None, equals=None, target=None, to=None, peer=None):
        given = [(n + 1, operand) for n, operand in enumerate((above, below, equals)) if operand is not None]
        if len(given) != 1:
            raise ValueError("%s: a rule has one of above, below, equals" % path)
        self.path = path
        self.action = action
        self.condition, self.operand = given[0]
        self.target = target
        self.to = to
        self.peer = peer
        self._held = False

    def arm(self):
        self._held = False

    def fires(self, value):
        """True once for each time that the condition comes true. None, a value not known, is never true."""
        if value is None:
            true = False
        elif self.condition == _ABOVE:
            true = value > self.operand
        elif self.condition == _BELOW:
            true = value < self.operand
        else:
            true = value == self.operand
        fires = true and not self._held
        self._held = true
        return fires


class Engine:
    """Runs the rules of an app: own, the product's, which are code and never change; owners, which are data."""

    def __init__(self, app):
        self._app = app
        self.own = []
        self.owners = ()
        self._all = []  # in this order
        self._pending = []  # (resource, the kind of an event that happened)
        self._settling = False
        self._following = False  # what an owner's rule says

    def add(self, rule):
        self.own.append(rule)
        self._all.append(rule)

    def obey(self, rules):
        """These are the owner's rules from now on. What is true already has to come true again."""
        for rule in rules:
            rule.fires(self._app.table[rule.path].value)
        self.owners = rules
        self._all = self.own + list(rules)

    def changed(self, r):
        """A resource was given a value, or an event happened."""
        self._pending.append((r, r.value))
        if not self._settling:
            self._settle()

    def driven(self, r):
        """Someone wrote an output. Unless it was one of them, the product's own rules on the sensors that it depends on
        look again, even if they fired already."""
        if self._settling and not self._following:
            return
        paths = self._app.depends(r)
        for rule in self.own:
            if rule.path in paths:
                rule.arm()
                self._pending.append((self._app.table[rule.path], None))

    def _settle(self):
        """Run the rules on all that changed, and on what they change, without recursion and with an end.

        Where there is none and owner's rules took part, those are left out, and the product's own settle the rest.
        """
        app = self._app
        self._settling = True
        fired = owners_n = 0
        left_out = False
        try:
            while self._pending:
                r, happened = self._pending.pop(0)
                for n, rule in enumerate(self._all):
                    if rule.path != r.path or (left_out and rule.action is None):
                        continue
                    try:
                        if r.type == "event":
                            rule.arm()
                        value = happened if r.type == "event" else r.value
                        if not rule.fires(value):
                            continue
                        if rule.action is None:
                            owners_n = n + 1 - len(self.own)
                            self._follow(rule, owners_n)
                        else:
                            app.log.event(_RULE, n)
                            rule.action(app.dev, value)
                    except Exception as e:
                        app.log.crashed(e)
                        self._failed(_RULE_CRASHED, n)
                        return
                    fired += 1
                    if fired == _MAX_FIRINGS:
                        if not owners_n:
                            self._failed(_RULE_LOOP, n)
                            return
                        app.log.event(_OWNERS_LOOP, owners_n)
                        fired = owners_n = 0
                        left_out = True
        finally:
            self._settling = False
            self._pending.clear()

    def _failed(self, code, n):
        self._app.log.event(code, n)
        self._app.make_safe()

    def _follow(self, rule, n):
        """An owner's rule fires. That it is refused is logged and nothing else: it is no crash of the product's."""
        app = self._app
        app.log.event(_OWNERS_RULE, n)
        to = rule.to
        if rule.peer is not None:
            app.remote.wish(n, rule.peer, rule.target, to)
            return
        if to is None:
            to = not app.get(rule.target)
        self._following = True
        try:
            app.set(rule.target, to, "rule")
        except TosError as e:
            app.log.event(_RULE_REFUSED, n, e.code)
        finally:
            self._following = False
