"""What a hub's answer to a secured report brings: the time, and commands that waited for it. MicroPython.

Loaded only on a device that reports to a peer.
"""

from micropython import const
from tos.state import load
from tos.store import Record
from toscore import cbor_viper as cbor
from toscore import hkdf
from toscore.errors import StoreError, TosError, WireError

_COMMANDED = const(214)
_CLOCK_SET = const(215)
_ANSWER_BAD = const(373)
_COMMAND_REFUSED = const(374)

_STEP_S = const(2)  # by less the clock is not set
_FRESH_MS = const(2000)  # what was on its way for longer has no time to set it by
_2020_S = const(1577836800)
_MOST = const(0xFFFFFFFF)  # of an id, and of seconds: until 2106
_ITEMS = const(512)
_LONGEST_MS = const(30000)

_SECRET = const(0)  # of a peer, as in peers.py
_SALT = const(1)

# Keys of the answer.
_WALL = const(0)
_COMMANDS = const(1)
_STAY_MS = const(2)


class Commands:
    """Of one hub. A command is [id, index, value]; a hub counts its ids upwards, and sends one until it is told that
    this, or a later one, is done. Whatever comes twice, late or not at all: each is done once, and in order.

    mark: of the hub's key, see below; the ids of another hub say nothing here.
    last: the highest id that is done, kept in /commands.rec; None when none ever was.
    stay_ms: for so long the hub wants to speak with a device that would sleep now.
    """

    def __init__(self, app, mark, path="/commands.rec"):
        self._app = app
        self._mark = mark
        self.stay_ms = 0
        self._record = Record(path)
        kept = load(self._record, app.log, None)
        self.last = kept[1] if kept and kept[0] == mark else None

    def take(self, payload, origin, age_ms):
        """payload: of an answer that a peer has sealed who may command, age_ms after it was asked for."""
        try:
            answer = cbor.loads(payload, items=_ITEMS)
            wall = answer.get(_WALL)
            stay_ms = answer.get(_STAY_MS, 0)
            commands = sorted([(id, index, value) for id, index, value in answer.get(_COMMANDS, ())], key=_id)
            if [id for id, _, _ in commands if not isinstance(id, int) or not 0 <= id <= _MOST]:
                raise ValueError
            if not isinstance(stay_ms, int):
                raise ValueError
        except (WireError, AttributeError, TypeError, ValueError):
            self._app.log.event(_ANSWER_BAD)
            return
        self.stay_ms = max(0, min(stay_ms, _LONGEST_MS))
        if age_ms <= _FRESH_MS and isinstance(wall, int) and _2020_S <= wall <= _MOST:
            self._set_clock(wall)
        if commands:
            self._do(commands, origin)

    def _set_clock(self, wall):
        clock = self._app.clock
        own = clock.wall()
        if own is None or abs(wall - own) >= _STEP_S:
            try:
                clock.set_wall(wall)
            except ValueError:  # no time that this platform can have
                self._app.log.event(_ANSWER_BAD)
                return
            self._app.log.event(_CLOCK_SET, 0 if own is None else wall - own)

    def _do(self, commands, origin):
        app = self._app
        done = 0
        for id, index, value in commands:
            if self.last is not None and id <= self.last:
                continue
            try:
                app.set(app.table.at(index).path, value, origin)
            except TosError as e:
                app.log.event(_COMMAND_REFUSED, id, e.code)
            self.last = id
            done += 1
        if not done:
            return
        app.state.save()  # before it is said that they are done
        try:
            self._record.save([self._mark, self.last])
        except StoreError as e:
            app.log.event(e.code, e.detail)
        app.log.event(_COMMANDED, self.last, done)


def mark(peers, peer):
    """Four bytes that this key has and no other, by which one knows it again and learns nothing of it."""
    row = peers.row(peer.slot) or {_SECRET: b"", _SALT: b""}
    return hkdf.expand(hkdf.extract(row[_SALT], row[_SECRET]), b"tos:v1 mark", 4)


def _id(command):
    return command[0]
