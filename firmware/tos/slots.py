"""Two slots, /a and /b, and recovery, /r: which of them starts, and what is known of each. MicroPython.

A copy of this module, /slots.mpy, chooses at boot; no update writes it.
What is known is in /boot.rec, written beside and renamed: a CRC, and then JSON with

    active: the slot that was confirmed last   floor: see toscore/ota.py
    a, b: [state, sequence], and the label of the partition that it runs on if firmware was ever updated here
    boots: of a trial that have begun   switched: true, to its firmware, which nobody has seen run yet
    next: [floor, {slot of a key: hex or null}] once it is confirmed
    keys: of those, what was confirmed and is not yet in the keystore
    why: [sequence, code] of the update that came to nothing last   source: where the one that is written comes from

A slot's own ~slot, JSON too, is written last: {sequence, content: SHA-256, names, lengths}, and runs_on: [label] as
above. Names and lengths are of its files, as those of Files in toscore/ota_blocks.py; no module of toscore is at hand
here at boot. One whose only file is lib.romfs has it in its half of the partition romfs, and mounted as its lib.
"""

import binascii
import hashlib
import json
import os

import vfs

EMPTY, WRITING, TRIAL, GOOD, BAD = range(5)
TRIES = 3
ABOUT = "~slot"  # no file of an update can have this name
RECORD = "/boot.rec"
_IMAGE = "lib.romfs\n"  # of toscore/ota_blocks.py
_SECTOR = 4096
_IDLE, _ON_TRIAL, _ROLLED_BACK = 0, 3, 6  # states of ota.py
_OTA_CRASHED = 435
_OTA_SLOT_DAMAGED = 436
_OTA_FIRMWARE = 460
_OTA_IMAGE = 461


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
        if told["names"] == _IMAGE:
            digest.update(half(name)[: told["lengths"][0]])
            told["names"] = ""
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


def half(name):
    """Of the partition romfs as it is mapped: what is this slot's. An exception on firmware without one."""
    mapped = memoryview(vfs.rom_ioctl(2, 0))
    middle = len(mapped) // _SECTOR // 2 * _SECTOR
    return mapped[:middle] if name == "a" else mapped[middle:]


def rom(name):
    """What is to be mounted as the slot's lib, or None: then that is a folder."""
    try:
        return half(name) if hasattr(vfs, "rom_ioctl") and about(name)["names"] == _IMAGE else None
    except Exception:  # of a slot that nobody looked at, because the chip only woke
        return None


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
            known = about(name)
            record[name] = [GOOD, known["sequence"]] + known.get("runs_on", [])
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


def due(woke, Partition=None):
    """-> [(slot, (what is told of it, whether a trial came to nothing now, whether there is more to do), what is to be
    mounted in it or None), ...]: what is to run, the next when one cannot. None: other firmware is to run, and the chip
    has to start anew for it.

    woke: from deep sleep, which is no boot: nothing is counted then, and no time spent on reading it all.
    Partition: MicroPython's esp32.Partition where there is one. The record says which firmware is to run. The
    bootloader may have gone back from one that was not confirmed, or lost what it knew: it is told again, TRIES times.
    """
    record = load()
    running = Partition and Partition(Partition.RUNNING).info()[4]
    is_news = False
    name = trial(record)
    woke = woke and _fits(record[name or record["active"]], running)
    if name and not woke:
        fits = _fits(record[name], running)
        code = None if is_whole(name) else _OTA_SLOT_DAMAGED
        is_counted = fits and record.pop("switched", False)  # before its firmware ran
        if record["boots"] >= TRIES and not is_counted:
            code = _OTA_FIRMWARE if "switched" in record else _OTA_CRASHED
        if code:
            _give_up(record, name, code)
        elif not is_counted:
            record["boots"] += 1
            if not fits:
                record["switched"] = True
        is_saved = _saved(record)  # first, or a version that hangs would never be counted
        if not code and is_saved and not fits:
            if _switch(Partition, record[name]):
                return None
            code = _OTA_IMAGE
            _give_up(record, name, code)
            _saved(record)
        if code or not is_saved:  # what cannot be counted is not tried
            name = None
            is_news = bool(code)
    order = [name] if name else _good(record, woke, running, Partition)
    is_busy = bool(name or "keys" in record or "source" in record)
    return order and [(n, (told(record, n), is_news, is_busy), rom(n)) for n in order]


def _good(record, woke, running, Partition):
    """Which run with this firmware, and recovery; None when the chip starts anew with that of a better one."""
    active = record["active"]
    order = []
    for name in (active, other(active)):
        if record[name][0] == GOOD and (woke or is_whole(name)):
            if _fits(record[name], running):
                order.append(name)
            elif not order and record["boots"] < TRIES:
                record["boots"] += 1
                if _saved(record) and _switch(Partition, record[name]):
                    return None
    if order and len(record[order[0]]) > 2:
        try:
            Partition.mark_app_valid_cancel_rollback()  # a cut may have come between the record and this
        except OSError:
            pass
        if record["boots"] and order[0] == active:
            record["boots"] = 0
            _saved(record)
    return order + ["r"]


def _fits(slot, running):
    return len(slot) < 3 or slot[2] == running


def _switch(Partition, slot):
    try:
        Partition(slot[2]).set_boot()
        return True
    except Exception:  # there is no such partition, or no image in it
        return False


def _give_up(record, name, code):
    record[name][0] = BAD
    record["why"] = [record[name][1], code]
    record["boots"] = 0
    for key in ("next", "switched"):
        record.pop(key, None)


def _saved(record):
    try:
        save(record)
        return True
    except OSError:
        return False
