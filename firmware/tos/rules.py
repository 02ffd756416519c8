"""The owner's rules: one list of data, replaced as a whole. Lent by Rules in state.py. MicroPython.

The record holds what `/b` does, with paths instead of indexes.
"""

from micropython import const
from tos import lazy
from tos.rule import EQUALS, MOST, Rule
from tos.state import load
from toscore.errors import Busy, TosError, WireError

_WRONG_TYPE = const(334)
_RULE_MALFORMED = const(341)
_RULES_TOO_MANY = const(342)
_NOT_A_SWITCH = const(343)
_PEER_NO_ROOM = const(358)
_RULE_DROPPED = const(421)

# The keys of a rule in `/b`. Its condition is one of three, see Rule; what to set is absent in one that toggles,
# and written is [name of a peer, path] where that is not our own.
_WATCHED = const(0)
_CONDITIONS = (1, 2, 3)
_WRITTEN = const(4)
_TO = const(5)


def begin(rules):
    """Those that were stored; as long as none were, or after None was, those that the maker declared. A stored rule
    that the product, of a new version, has no place for is left out, and logged."""
    app = rules.app
    stored = load(rules.record, app.log, None)
    found = []
    for n, row in enumerate(stored or ()):
        try:
            found.append(_rule(app, row, app.table.__getitem__))
        except TosError as e:
            app.log.event(_RULE_DROPPED, n + 1, e.code)
    _obey(app, app.declared if stored is None else found)


def rows(app):
    """See Rules.rows."""
    table = app.table
    return [
        _row(rule, table[rule.path].index, rule.target if rule.peer else table[rule.target].index)
        for rule in app.engine.owners
    ]


def replace(rules, rows):
    """See Rules.replace."""
    app = rules.app
    wanted = app.declared
    if rows is not None:
        wanted = _checked(app, rows)
        rows = [_row(rule, rule.path, rule.target) for rule in wanted]
    _load(app, wanted)
    rules.record.save(rows)
    _obey(app, wanted)


def _obey(app, rules):
    _load(app, rules)
    if app.remote is not None:
        app.remote.obey(rules)
    app.engine.obey(rules)


def _load(app, rules):
    """What rules that name a peer need, once one does."""
    if app.remote is not None or not [rule for rule in rules if rule.peer is not None]:
        return
    try:
        app.remote = lazy.load("remote").Remote(app)
        app.use(app.remote)
    except MemoryError:
        raise Busy(_PEER_NO_ROOM)


def _checked(app, rows):
    if not isinstance(rows, list):
        raise WireError(_RULE_MALFORMED)
    if len(rows) > MOST:
        raise WireError(_RULES_TOO_MANY, len(rows))
    rules = []
    for n, row in enumerate(rows):
        try:
            rules.append(_rule(app, row, app.table.at))
            if rules[-1].peer is not None:
                lazy.load("remote").check_peer(app, rules[-1].peer)
        except TosError as e:
            detail = "rule %d" % (n + 1)
            raise type(e)(e.code, detail if e.detail is None else "%s, %s" % (detail, e.detail))
    return rules


def _rule(app, row, find):
    """A map -> a Rule that fits the table; raises as check. find: what is under 0 and 4 -> the resource."""
    if not isinstance(row, dict) or [key for key in row if not isinstance(key, int) or row[key] is None]:
        raise WireError(_RULE_MALFORMED)
    conditions = [key for key in _CONDITIONS if key in row]
    # Nothing else is in a map of this length.
    if _WATCHED not in row or _WRITTEN not in row or len(conditions) != 1 or len(row) != 3 + (_TO in row):
        raise WireError(_RULE_MALFORMED)
    operands = [row.get(key) for key in _CONDITIONS]
    written, to = row[_WRITTEN], row.get(_TO)
    if isinstance(written, list):
        peer, path = lazy.load("remote").parse(written, to)
    else:
        peer, path = None, find(written).path
    rule = Rule(find(row[_WATCHED]).path, None, *operands, path, to, peer)
    check(rule, app.table)
    return rule


def check(rule, table):
    """Raise WireError or Denied unless a rule that is data fits these resources and may write its target."""
    watched = table[rule.path]
    if rule.condition == EQUALS:
        fault = watched.fault(rule.operand)
    else:
        fault = _limit_fault(watched, rule.operand)
    if fault:
        raise WireError(fault, rule.path)
    if rule.peer is not None:
        return  # it is for the peer to say what may be written there
    target = table[rule.target]
    if rule.to is None and target.type != "switch":
        raise WireError(_NOT_A_SWITCH, rule.target)
    target.check(False if rule.to is None else rule.to, "rule")


def _limit_fault(r, limit):
    """What is wrong with a limit that values are compared to: a code, or 0."""
    if r.type not in ("sensor", "number") or r.options is not None:
        return _WRONG_TYPE
    return 0 if isinstance(limit, (int, float)) and limit == limit else _WRONG_TYPE


def _row(rule, watched, written):
    if rule.peer is not None:
        written = [rule.peer, written]
    row = {_WATCHED: watched, rule.condition: rule.operand, _WRITTEN: written}
    if rule.to is not None:
        row[_TO] = rule.to
    return row
