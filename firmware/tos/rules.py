"""The owner's rules: one list of data, replaced as a whole, in /rules.rec. MicroPython."""

import gc

from micropython import const
from tos.rule import MOST, Rule
from tos.state import load
from tos.store import Record
from toscore.errors import Busy, TosError, WireError

_RULE_MALFORMED = const(341)
_RULES_TOO_MANY = const(342)
_PEER_NO_ROOM = const(358)
_RULE_DROPPED = const(421)

# The keys of a rule in `/b`. Its condition is one of three, see Rule; what to set is absent in one that toggles,
# and written is [name of a peer, path] where that is not our own.
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
        self._obey(app.declared if stored is None else rules)

    def rows(self):
        """Those in force, as `/b` has them."""
        table = self._app.table
        return [
            _row(rule, table[rule.path].index, rule.target if rule.peer else table[rule.target].index)
            for rule in self._app.engine.owners
        ]

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
        self._load(rules)
        self._record.save(rows)
        self._obey(rules)

    def _obey(self, rules):
        app = self._app
        self._load(rules)
        if app.remote is not None:
            app.remote.obey(rules)
        app.engine.obey(rules)

    def _load(self, rules):
        """What rules that name a peer need, once one does."""
        app = self._app
        if app.remote is not None or not [rule for rule in rules if rule.peer is not None]:
            return
        gc.collect()
        try:
            from tos.remote import Remote

            app.remote = Remote(app)
            app.use(app.remote)
        except MemoryError:
            raise Busy(_PEER_NO_ROOM)

    def _checked(self, rows):
        if not isinstance(rows, list):
            raise WireError(_RULE_MALFORMED)
        if len(rows) > MOST:
            raise WireError(_RULES_TOO_MANY, len(rows))
        rules = []
        for n, row in enumerate(rows):
            try:
                rules.append(self._rule(row, self._app.table.at))
                if rules[-1].peer is not None:
                    from tos.remote import check_peer

                    check_peer(self._app, rules[-1].peer)
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
        written, to = row[_WRITTEN], row.get(_TO)
        if isinstance(written, list):
            from tos.remote import parse

            peer, path = parse(written, to)
        else:
            peer, path = None, find(written).path
        rule = Rule(find(row[_WATCHED]).path, None, *operands, path, to, peer)
        rule.check(self._app.table)
        return rule


def _row(rule, watched, written):
    if rule.peer is not None:
        written = [rule.peer, written]
    row = {_WATCHED: watched, rule.condition: rule.operand, _WRITTEN: written}
    if rule.to is not None:
        row[_TO] = rule.to
    return row
