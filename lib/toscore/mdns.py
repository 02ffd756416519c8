"""Multicast DNS and service discovery, RFC 6762 and RFC 6763, for one service of one device. Pure: packets in and out.

What a device says of itself: it offers `_tos._udp.local`, where, and in TXT who it is. It asks nothing but whether its
name is free, and answers for nothing but its own records.
"""

import struct

from micropython import const
from toscore.errors import WireError

_MDNS_MALFORMED = const(376)

PORT = 5353
GROUP = "224.0.0.251"

_LOCAL = b"\x05local\x00"
_SERVICE = b"\x04_tos\x04_udp" + _LOCAL
_SERVICES = b"\x09_services\x07_dns-sd\x04_udp" + _LOCAL

# The records, each a bit of a mask. The first two are shared with other devices, the others are ours alone.
_POINTERS = const(0x03)
_POINTER = const(0x02)
_SRV = const(0x04)
_ADDRESS = const(0x10)
_ANNOUNCED = const(0x1E)
_TXT_AT = const(3)  # their places
_DENIALS = const(5)  # NSEC, for instance and host

_A = const(1)
_PTR = const(12)
_TXT_TYPE = const(16)
_SRV_TYPE = const(33)
_NSEC = const(47)
_ALL = const(255)
_IN = const(1)
_FLUSH = const(0x8000)  # of a question: unicast, please

_LONG_S = const(4500)  # RFC 6762 section 10
_SHORT_S = const(120)
_LEGACY_S = const(10)  # section 6.7

_NAME_B = const(255)
_JUMPS = const(8)  # from one name's pointer to the next; real packets have two or three
_ITEMS = const(128)  # of a packet, a frame has room for few more
_CUT = const(0x0200)  # TC: more known answers follow

_PROBES = const(3)
_ANNOUNCING_ENDS = const(5)
_PROBE_MS = const(250)
_ANNOUNCE_MS = const(1000)
_DEFER_MS = const(1000)
_CONFLICTS = const(15)  # from then on, one try in 5 s
_CONFLICT_MS = const(5000)
_MOST_N = const(999)  # a label has 63 B at most
_AGAIN_MS = const(1000)  # section 6: no record is multicast more often,
_DEFEND_MS = const(250)  # but for a name in danger
_UNICASTS = const(8)  # a second, for all who ask
_LONG_AGO = const(-(1 << 29))


class Responder:
    """label: what the device would like to be called, such as kettle-c0ffee. port: of the service. rng(n) -> n bytes.

    Packets to send gather in `out` as (packet, peer), peer None for the group; the caller sends and clears them after
    each call. All times are ms of one monotonic clock. n: 1, or the number that the name ends in after a conflict.
    """

    def __init__(self, label, port, rng):
        self.out = []
        self.n = 1
        self._label = label.encode()[-59:].lower()  # its end is what makes it unique
        self._port = port
        self._rng = rng
        self._ip = None
        self._txt = b"\x00"
        self._records = ()
        self._sent = [_LONG_AGO] * 7  # when each was multicast
        self._step = None  # 0 to 2 probes, 3 and 4 announcements; None without an address
        self._due = 0
        self._owned = False
        self._pending = 0
        self._pending_due = 0
        self._apart_ms = _AGAIN_MS
        self._own = [b"", b""]  # what was multicast last: it comes back to those who listen
        self._second = 0
        self._unicasts = 0

    def resume(self, ip, items, n):
        """What another, which was quiet, has said and announced under this number."""
        self._ip = ip
        self._txt = _txt(items)
        self.n = n
        if ip:
            self._make()
            self._owned = True
            self._step = _ANNOUNCING_ENDS

    def is_quiet(self):
        """Whether all is said: what it knows is then in what it was told, and in n."""
        return not self._pending and self._step in (None, _ANNOUNCING_ENDS)

    def say(self, now, ip, items):
        """Who the device is now. ip: 4 B, or None while it has none. items: of TXT, ("id=kettle-c0ffee", ...)."""
        txt = _txt(items)
        if ip != self._ip:
            self._ip = ip
            self._txt = txt
            self._owned = False
            self._step = None
            self._sent = [_LONG_AGO] * 7
            if ip:
                self._probe(now)
        elif txt != self._txt:
            self._txt = txt
            if ip:
                self._make()
                if self._owned:  # section 8.4
                    self._step = _PROBES
                    self._due = max(now, self._sent[_TXT_AT] + _AGAIN_MS)

    def _probe(self, now, wait_ms=0):
        """Ask whether the name is free, from the start."""
        self._make()
        self._owned = False
        self._pending = 0
        self._step = 0
        self._due = now + wait_ms + self._random(_PROBE_MS)

    def _random(self, below):
        return self._rng(1)[0] * below >> 8

    def _make(self):
        """The records, (name, type, class, TTL, data)."""
        label = self._label if self.n == 1 else self._label + b"-%d" % self.n
        label = bytes((len(label),)) + label
        instance = label + _SERVICE
        host = label + _LOCAL
        own = _IN | _FLUSH
        self._records = (
            (_SERVICES, _PTR, _IN, _LONG_S, _SERVICE),
            (_SERVICE, _PTR, _IN, _LONG_S, instance),
            (instance, _SRV_TYPE, own, _SHORT_S, struct.pack(">HHH", 0, 0, self._port) + host),
            (instance, _TXT_TYPE, own, _LONG_S, self._txt),
            (host, _A, own, _SHORT_S, self._ip),
            (instance, _NSEC, own, _SHORT_S, instance + b"\x00\x05\x00\x00\x80\x00\x40"),  # section 6.1: TXT and SRV
            (host, _NSEC, own, _SHORT_S, host + b"\x00\x01\x40"),
        )

    def tick(self, now):
        """Probe, announce, answer: what is due. Returns ms until the next call is needed, or None."""
        step = self._step
        if step is not None and step < _ANNOUNCING_ENDS and now >= self._due:
            if step < _PROBES:
                self._ask()
                self._due = now + _PROBE_MS
            else:
                self._owned = True
                self._multicast(now, self._rested(now, _ANNOUNCED, _AGAIN_MS))
                self._due = now + _ANNOUNCE_MS
            self._step = step + 1
        if self._pending and now >= self._pending_due:
            self._multicast(now, self._rested(now, self._pending, self._apart_ms))
            self._apart_ms = _AGAIN_MS
            if self._pending:
                last = [sent for i, sent in enumerate(self._sent) if self._pending >> i & 1]
                self._pending_due = min(last) + _AGAIN_MS
        waits = [self._due] if step is not None and self._step < _ANNOUNCING_ENDS else []
        if self._pending:
            waits.append(self._pending_due)
        return max(0, min(waits) - now) if waits else None

    def _rested(self, now, mask, apart_ms):
        """Of these records, those whose last multicast is so long ago; for shared ones, a second."""
        for i, sent in enumerate(self._sent):
            if now - sent < (_AGAIN_MS if 1 << i & _POINTERS else apart_ms):
                mask &= ~(1 << i)
        return mask

    def goodbye(self):
        """The device leaves: whoever knows it may forget it (section 10.1)."""
        if self._owned:
            self._send(self._packet(_ANNOUNCED, 0, 0), None)
        self._pending = 0
        self.say(0, None, ())

    # What is sent

    def _send(self, packet, peer):
        if peer is None:
            self._own = [self._own[1], packet]
        self.out.append((packet, peer))

    def _ask(self):
        """A probe: both names, and in the authority section what is to be theirs."""
        instance, host = self._records[2][0], self._records[4][0]
        ask = struct.pack(">HH", _ALL, _IN)
        # Not QU: who shares port 5353 with others would not hear the answer (section 15.1).
        head = struct.pack(">6H", 0, 0, 2, 0, 3, 0)
        own = b"".join([_record(r, r[2] & ~_FLUSH, r[3]) for r in self._records[2:_DENIALS]])
        self._send(head + instance + ask + host + ask + own, None)

    def _multicast(self, now, mask):
        if not mask:
            return
        self._pending &= ~mask
        more = self._rested(now, _additional(mask), _AGAIN_MS)
        for i in range(len(self._sent)):
            if (mask | more) >> i & 1:
                self._sent[i] = now
        self._send(self._packet(mask, more, None), None)

    def _unicast(self, now, mask, known, peer, head=(0, b""), most_s=None):
        if now - self._second >= 1000:
            self._second = now
            self._unicasts = 0
        self._unicasts += 1
        if self._unicasts <= _UNICASTS:
            self._send(self._packet(mask, _additional(mask) & ~known, most_s, *head), peer)

    def _packet(self, mask, more, most_s, mid=0, questions=b"", asked=0):
        """A response. most_s: the longest TTL, None for each record's own. questions: as they came."""
        own = [r for i, r in enumerate(self._records) if mask >> i & 1]
        extra = [r for i, r in enumerate(self._records) if more >> i & 1]
        parts = [struct.pack(">6H", mid, 0x8400, asked, len(own), 0, len(extra)), questions]
        for r in own + extra:
            name, kind, where, ttl, data = r
            if asked:  # one that knows DNS only takes the flush bit for a class
                where &= ~_FLUSH
            parts.append(_record(r, where, ttl if most_s is None else min(ttl, most_s)))
        return b"".join(parts)

    # What comes in

    def receive(self, now, peer, port, data):
        """One packet, from that port of the peer. Raises WireError when it is malformed; then nothing has changed."""
        if self._step is None or data in self._own:
            return
        mid, flags, asked, answers, authorities, more = _unpack(">6H", data, 0)
        if flags & 0x780F:  # section 18.3 and 18.11
            return
        # Most of what passes on a network is none of ours, and needs no reading.
        text = data.lower()
        if self._label not in text and b"\x04_tos" not in text and b"\x09_services" not in text:
            return
        if asked + answers + authorities + more > _ITEMS:
            raise WireError(_MDNS_MALFORMED, 4)
        questions = []
        at = 12
        for _ in range(asked):
            name, at = _name(data, at)
            kind, where = _unpack(">HH", data, at)
            at += 4
            questions.append((name.lower(), kind, where))
        end = at
        records = []
        for _ in range(answers + authorities + more):
            found, at = _read(data, at)
            records.append(found)
        if flags & 0x8000:
            if port == PORT:  # section 6
                self._heard(now, records)
            return
        if authorities and self._rivals(now, records[answers : answers + authorities]):
            return
        if self._owned:
            known = self._known(records[:answers])
            if port == PORT:
                self._asked(now, peer, questions, known, authorities, flags & _CUT)
            else:
                mask = self._of(questions) & ~known
                if mask:  # section 6.7
                    self._unicast(now, mask, known, peer, (mid, data[12:end], asked), _LEGACY_S)

    def _of(self, questions):
        """The records that answer these."""
        mask = 0
        for name, kind, where in questions:
            if where & ~_FLUSH in (_IN, _ALL):
                found = denial = 0
                for i, r in enumerate(self._records):
                    if r[0] == name:
                        if kind in (r[1], _ALL):
                            found |= 1 << i
                        if i >= _DENIALS:
                            denial = 1 << i
                mask |= found or denial
        return mask

    def _known(self, records):
        """Those of ours that the asker has, for at least half of their time yet (section 7.1)."""
        mask = 0
        for found in records:
            for i, r in enumerate(self._records):
                if _same(r, found) and found[3] * 2 >= r[3]:
                    mask |= 1 << i
        return mask

    def _asked(self, now, peer, questions, known, is_probe, is_cut):
        alone = [q for q in questions if q[2] & _FLUSH]
        mask = self._of([q for q in questions if not q[2] & _FLUSH])
        if not is_probe:
            direct = self._of(alone)
            for i, r in enumerate(self._records):  # section 5.4: all hear it again now and then
                if direct >> i & 1 and now - self._sent[i] >= r[3] * 250:
                    mask |= 1 << i
            direct &= ~(mask | known)
            if direct:
                self._unicast(now, direct, known, peer)
        else:
            mask |= self._of(alone)
            self._apart_ms = _DEFEND_MS
        if not questions:  # more that is known to one who asked before
            self._pending &= ~known
        mask &= ~known
        if mask:
            wait_ms = 0
            if is_cut:
                wait_ms = 400 + self._random(100)
            elif mask & _POINTERS:  # others may answer too
                wait_ms = 20 + self._random(100)
            if not self._pending or now + wait_ms < self._pending_due:
                self._pending_due = now + wait_ms
            self._pending |= mask

    def _rivals(self, now, records):
        """Somebody else asks for our name while we do (section 8.2). -> whether we let them go first."""
        if self._owned:
            return False
        for name in (self._records[2][0], self._records[4][0]):
            theirs = sorted([(r[2] & ~_FLUSH, r[1], r[4]) for r in records if r[0].lower() == name])
            ours = sorted([(_IN, r[1], r[4]) for r in self._records[2:_DENIALS] if r[0] == name])
            if theirs and theirs > ours:
                self._probe(now, _DEFER_MS)
                return True
        return False

    def _heard(self, now, records):
        """A response of somebody: another who has our name, or has said what we are about to say."""
        for found in records:
            for i, r in enumerate(self._records):
                if _same(r, found):
                    if found[3] * 2 < r[3]:
                        self._pending |= self._owned << i  # section 6.6
                    else:
                        self._pending &= ~(1 << i)
                        self._sent[i] = now
                    break
            else:
                self._doubt(now, found)

    def _doubt(self, now, found):
        """A record that is not one of ours: section 9, if it has our name."""
        name, kind, where, ttl, data = found
        name = name.lower()
        for r in self._records[2:_DENIALS]:
            if r[0] == name and ttl and (kind == r[1] or not self._owned):
                if self._owned:  # first see who gives way
                    self._probe(now)
                else:
                    self.n = self.n % _MOST_N + 1
                    self._sent = [_LONG_AGO] * 7
                    self._probe(now, _CONFLICT_MS if self.n > _CONFLICTS else 0)
                return


def _txt(items):
    return b"".join([bytes((len(item),)) + item for item in [item.encode()[:255] for item in items]])


def _additional(mask):
    """What goes with these records, RFC 6763 section 12."""
    more = _ANNOUNCED if mask & _POINTER else _ADDRESS if mask & _SRV else 0
    return more & ~mask


def _record(r, where, ttl):
    return r[0] + struct.pack(">HHIH", r[1], where, ttl, len(r[4])) + r[4]


def _same(r, found):
    """Whether it is this record of ours, whatever its TTL."""
    name, kind, where, _, data = found
    if kind != r[1] or where & ~_FLUSH != _IN or name.lower() != r[0]:
        return False
    return (data if kind in (_A, _TXT_TYPE) else data.lower()) == r[4]


def _unpack(form, data, at):
    if at + struct.calcsize(form) > len(data):
        raise WireError(_MDNS_MALFORMED, at)
    return struct.unpack_from(form, data, at)


def _read(data, at):
    """A record, with the names in its data written out -> ((name, type, class, TTL, data), next offset)."""
    name, at = _name(data, at)
    kind, where, ttl, size = _unpack(">HHIH", data, at)
    at += 10
    end = at + size
    if end > len(data):
        raise WireError(_MDNS_MALFORMED, at)
    body = data[at:end]
    if kind in (_PTR, _SRV_TYPE):
        front = 6 if kind == _SRV_TYPE else 0
        target, last = _name(data, at + front)
        if last != end:
            raise WireError(_MDNS_MALFORMED, last)
        body = data[at : at + front] + target
    return (name, kind, where, ttl, body), end


def _name(data, at):
    """A name, RFC 1035 section 4.1.4 -> (its labels and the closing zero, next offset)."""
    out = b""
    end = jumps = 0
    while True:
        (size,) = _unpack("B", data, at)
        if size < 64:
            out += data[at : at + size + 1]
            at += size + 1
            if at > len(data) or len(out) > _NAME_B:
                raise WireError(_MDNS_MALFORMED, at)
            if size == 0:
                return out, end or at
        elif size < 0xC0 or jumps == _JUMPS:
            raise WireError(_MDNS_MALFORMED, at)
        else:
            (to,) = _unpack(">H", data, at)
            end = end or at + 2
            jumps += 1
            at = to & 0x3FFF
