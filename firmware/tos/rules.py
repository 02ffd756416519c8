"""The owner's rules: one list of data, replaced as a whole, in /rules.rec. MicroPython."""

from micropython import const
from tos.rule import MOST, Rule
from tos.state import load
from tos.store import Record
from toscore.errors import TosError, WireError

_RULE_MALFORMED = const(341)
_RULES_TOO_MANY = const(342)
_RULE_DROPPED = const(421)

# The keys of a rule in `/b`. Its condition is one of three, see Rule; what to set is absent in one that toggles.
_WATCHED = const(0)
_CONDITIONS = (1, 2, 3)
_WRITTEN = const(4)
_TO = const(5)


class Rules:
    """Those that were stored; as long as none were, or after None was, those that the maker declared.

    The record holds what `/b` does, with paths instead of indexes. A stored rule that the product, of a new version,
    has no place for is left out, and logged.
    """

    def __init__(self, app, path="/rules.rec"):
        self._app = app
        self._record = Record(path)
        stored = load(self._record, app.log, None)
        rules = []
        for n, row in enumerate(stored or ()):
            try:
                rules.append(self._rule(row, app.table.__getitem__))
            except TosError as e:
                app.log.event(_RULE_DROPPED, n + 1, e.code)
        app.engine.obey(app.declared if stored is None else rules)

    def rows(self):
        """Those in force, as `/b` has them."""
        table = self._app.table
        return [_row(rule, table[rule.path].index, table[rule.target].index) for rule in self._app.engine.owners]

    def replace(self, rows):
        """Put others in their place, or with None the maker's. Durable when it returns.

        Raises WireError or Denied, with the number of the rule that is wrong, counted from 1, or StoreError; all is as
        it was then.
        """
        app = self._app
        rules = app.declared
        if rows is not None:
            rules = self._checked(rows)
            rows = [_row(rule, rule.path, rule.target) for rule in rules]
        self._record.save(rows)
        app.engine.obey(rules)

    def _checked(self, rows):
        if not isinstance(rows, list):
            raise WireError(_RULE_MALFORMED)
        if len(rows) > MOST:
            raise WireError(_RULES_TOO_MANY, len(rows))
        rules = []
        for n, row in enumerate(rows):
            try:
                rules.append(self._rule(row, self._app.table.at))
            except TosError as e:
                detail = "rule %d" % (n + 1)
                raise type(e)(e.code, detail if e.detail is None else "%s, %s" % (detail, e.detail))
        return rules

    def _rule(self, row, find):
        """A map -> a Rule that fits the table; raises as Rule.check. find: what is under 0 and 4 -> the resource."""
        if not isinstance(row, dict) or [key for key in row if not isinstance(key, int) or row[key] is None]:
            raise WireError(_RULE_MALFORMED)
        conditions = [key for key in _CONDITIONS if key in row]
        # Nothing else is in a map of this length.
        if _WATCHED not in row or _WRITTEN not in row or len(conditions) != 1 or len(row) != 3 + (_TO in row):
            raise WireError(_RULE_MALFORMED)
        operands = [row.get(key) for key in _CONDITIONS]
        rule = Rule(find(row[_WATCHED]).path, None, *operands, find(row[_WRITTEN]).path, row.get(_TO))
        rule.check(self._app.table)
        return rule


def _row(rule, watched, written):
    row = {_WATCHED: watched, rule.condition: rule.operand, _WRITTEN: written}
    if rule.to is not None:
        row[_TO] = rule.to
    return row
