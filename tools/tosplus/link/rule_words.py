"""An owner's rules as people write and read them: "when door is on set light on"."""

import shlex

from ..errors import UsageFault
from . import tell
from .schema import Identity, Resource, Rule, Value

GRAMMAR = """\
A rule is one line:
  when door is on set light on              is: a value, or a kind of event
  when temp above 60 set power off          above, below: a number
  when pressed is press toggle light        toggle: a switch
  when b is on toggle power at tv-c0ffee    at: one of its peers, which the hub brings together with it
A value with spaces stands in quotes: when door is on set text 'Shut the door'"""


def parse(text: str, identity: Identity) -> Rule:
    """Raises UsageFault, which teaches the grammar."""
    try:
        words = shlex.split(text)
    except ValueError as e:
        raise _fault(text, f"{e}") from None
    match words:
        case ["when", path, "is" | "above" | "below" as condition, operand, *act]:
            watched = _resource(text, path, identity)
        case _:
            raise _fault(text, "it begins with when, a resource, then is, above or below and a value")
    to: Value
    peer: str | None = None
    match act:
        case ["set", target, value, "at", name]:
            peer, to = name, tell.guessed(value)
        case ["toggle", target, "at", name]:
            peer, to = name, None
        case ["set", target, value]:
            to = tell.parse(_resource(text, target, identity), value)
        case ["toggle", target]:
            _resource(text, target, identity)
            to = None
        case _:
            raise _fault(text, "it ends with set, a resource and a value, or with toggle and a switch")
    if condition == "is":
        return Rule(when=path, equals=tell.parse(watched, operand), set=target, to=to, peer=peer)
    try:
        limit = tell.number(operand)
    except ValueError:
        raise _fault(text, f"{condition} needs a number, not {operand}") from None
    return Rule(when=path, **{condition: limit}, set=target, to=to, peer=peer)


def told(rule: Rule) -> str:
    """The line that `parse` makes the same rule of."""
    if rule.equals is not None:
        condition = f"is {_word(rule.equals)}"
    else:
        condition = f"above {rule.above}" if rule.above is not None else f"below {rule.below}"
    act = f"toggle {shlex.quote(rule.set)}" if rule.to is None else f"set {shlex.quote(rule.set)} {_word(rule.to)}"
    where = "" if rule.peer is None else f" at {shlex.quote(rule.peer)}"
    return f"when {shlex.quote(rule.when)} {condition} {act}{where}"


def _word(value: Value) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else shlex.quote(str(value))


def _resource(text: str, path: str, identity: Identity) -> Resource:
    try:
        return identity.resource(path)
    except KeyError:
        there = ", ".join(row.path for row in identity.resources)
        raise _fault(text, f"there is no {path} here, but {there}") from None


def _fault(text: str, what: str) -> UsageFault:
    return UsageFault(f"not a rule: {text}: {what}\n{GRAMMAR}")
