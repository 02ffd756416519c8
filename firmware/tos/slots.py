"""Two slots, /a and /b, and recovery, /r: which of them starts, and what is known of each. MicroPython.

A copy of this module, /slots.mpy, chooses at boot; no update writes it.
What is known is in /boot.rec, written beside and renamed: a CRC, and then JSON with

    active: the slot that was confirmed last   a, b: [state, sequence]   floor: see toscore/ota.py
    boots: of a trial that have begun   next: [floor, {slot of a key: hex or null}] once it is confirmed
    keys: of those, what was confirmed and is not yet in the keystore
    why: [sequence, code] of the update that came to nothing last   source: where the one that is written comes from

A slot's own ~slot, JSON too, is written last: {sequence, content: SHA-256, names, lengths}. The last two are of its
files, as those of Files in toscore/ota_blocks.py; no module of toscore is at hand here at boot.
"""

import binascii
import hashlib
import json
import os

EMPTY, WRITING, TRIAL, GOOD, BAD = range(5)
TRIES = 3
ABOUT = "~slot"  # no file of an update can have this name
RECORD = "/boot.rec"
_IDLE, _ON_TRIAL, _ROLLED_BACK = 0, 3, 6  # states of ota.py
_OTA_CRASHED = 435
_OTA_SLOT_DAMAGED = 436


def other(name):
    return "b" if name == "a" else "a"


def about(name):
    """What ~slot says; an exception when nothing useful does."""
    with open("/%s/%s" % (name, ABOUT)) as f:
        return json.load(f)


def is_whole(name):
    """Whether a slot holds what it is to hold, byte by byte."""
    digest = hashlib.sha256()
    buffer = bytearray(1024)
    view = memoryview(buffer)
    try:
        told = about(name)
        for path in _paths(told["names"]):
            with open("/%s/%s" % (name, path), "rb") as f:
                while True:
                    n = f.readinto(buffer)
                    if not n:
                        break
                    digest.update(view[:n])
        return binascii.hexlify(digest.digest()).decode() == told["content"]
    except Exception:  # damage can look like anything
        return False


def _paths(names):
    folder = ""
    p = 0
    while p < len(names):
        end = names.index("\n", p)
        name = names[p:end]
        p = end + 1
        if name.endswith("/"):
            folder = "" if name == "/" else name
        else:
            yield folder + name


def load():
    """The record; made anew from what the slots hold when there is none that can be read."""
    try:
        with open(RECORD) as f:
            text = f.read()
        if int(text[:8], 16) == binascii.crc32(text[8:].encode()):
            return json.loads(text[8:])
    except Exception:  # damage can look like anything
        pass
    record = {"active": "a", "a": [EMPTY, 0], "b": [EMPTY, 0], "floor": 0, "boots": 0}
    for name in "ab":
        if is_whole(name):
            record[name] = [GOOD, about(name)["sequence"]]
    if record["b"][1] > record["a"][1] or record["a"][0] == EMPTY:
        record["active"] = "b"
    newer = record["active"]
    if record[other(newer)][0] == GOOD:  # nobody knows any more whether the newer one was on trial
        record[newer][0] = TRIAL
        record["active"] = other(newer)
    return record


def save(record):
    """Old or new after a power cut. Raises OSError."""
    text = json.dumps(record)
    with open(RECORD + ".new", "w") as f:
        f.write("%08x" % binascii.crc32(text.encode()))
        f.write(text)
    os.rename(RECORD + ".new", RECORD)


def spare(record, name):
    """The slot where an update goes when this one runs."""
    return other(name) if name in "ab" else "b" if record["b"][0] != GOOD else "a"


def trial(record):
    """The slot that is on trial, or None."""
    for name in "ab":
        if record[name][0] == TRIAL:
            return name


def told(record, name):
    """What GET /o says when this slot runs: [its sequence, state, sequence of the update, 0, 0, reason, name]."""
    sequence = record[name][1] if name in record else 0
    if trial(record) == name:
        return [sequence, _ON_TRIAL, sequence, 0, 0, 0, name]
    if "why" in record:
        return [sequence, _ROLLED_BACK, record["why"][0], 0, 0, record["why"][1], name]
    return [sequence, _IDLE, 0, 0, 0, 0, name]


def due(woke):
    """-> [(slot, (what is told of it, whether a trial came to nothing now, whether there is more to do)), ...]: what is
    to run, the next when one cannot.

    woke: from deep sleep, which is no boot: nothing is counted then, and no time spent on reading it all.
    """
    record = load()
    is_news = False
    name = trial(record)
    if name and not woke:
        code = _OTA_CRASHED if record["boots"] >= TRIES else None if is_whole(name) else _OTA_SLOT_DAMAGED
        if code:
            record[name][0] = BAD
            record["why"] = [record[name][1], code]
            record["boots"] = 0
            record.pop("next", None)
            name = None
            is_news = True
        else:
            record["boots"] += 1
        try:
            save(record)  # first, or a version that hangs would never be counted
        except OSError:  # what cannot be counted is not tried
            name = None
    if name:
        order = [name]
    else:
        active = record["active"]
        order = [n for n in (active, other(active)) if record[n][0] == GOOD and (woke or is_whole(n))] + ["r"]
    is_busy = bool(name or "keys" in record or "source" in record)
    return [(n, (told(record, n), is_news, is_busy)) for n in order]
