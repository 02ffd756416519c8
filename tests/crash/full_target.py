"""Eight writers of a token service whose disk gets full, and then has room: `python -m crash.full_target HOW FOLDER`.

HOW: `tmpfs`, a file system of its own, where one may mount; or `limit`, of a file's size. Says what came of it, JSON.
"""

import json
import logging
import resource
import subprocess
import sys
import threading

from host.tokens.bank import Bank, check
from tosplus.tokens import sales
from tosplus.tokens.service import Unavailable

_WRITERS, _TAPS, _AGAIN = 8, 10, 3
_FULL_B, _ROOM_B = 1_500_000, 32_000_000


def size(how, folder, bytes):
    """There is room for so much from now on."""
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, resource.RLIM_INFINITY))
    else:
        again = "remount," if bytes == _ROOM_B else ""
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{again}size={bytes}", "none", folder], check=True)


class Till:
    """answered: {key: (tap, its number)}. refused: {key: tap}. why: what was said."""

    def __init__(self, bank, till):
        self._bank, self._till = bank, till
        self.answered, self.refused, self.why = {}, {}, set()

    def ask(self, key, tap):
        try:
            answer = self._bank.authorise(self._till, key, tap)
        except Unavailable as e:
            self.refused[key] = tap
            self.why.add(str(e))
            return
        assert answer.approved
        self.refused.pop(key, None)
        self.answered[key] = tap, answer.number

    def run(self, cards):
        for n in range(_TAPS):
            for card in cards:
                self.ask(f"{card.number}-{n}", card.tap(1 + n))
                if len(self.refused) > _AGAIN:
                    return


def main(how, folder):
    said = []
    logging.getLogger("tosplus.tokens.service").addHandler(handler := logging.Handler())
    handler.emit = lambda record: said.append(record.getMessage())
    size(how, folder, _FULL_B)
    bank = Bank(f"sqlite:///{folder}/tokens.db")
    till = Till(bank, bank.set_up())
    cards = bank.cards(20 * _WRITERS)
    threads = [threading.Thread(target=till.run, args=(cards[i::_WRITERS],)) for i in range(_WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {"answered": len(till.answered), "refused": len(till.refused), "why": sorted(till.why)}
    found["logged"] = sorted(set(said))

    check(bank)
    for key, (tap, number) in till.answered.items():  # which needs no room
        assert bank.authorise(till._till, key, tap).number == number
    try:
        bank.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now))
    except Unavailable:
        found["settled"] = False

    size(how, folder, _ROOM_B)
    for key, tap in list(till.refused.items()):
        till.ask(key, tap)
    found["refused_then"] = len(till.refused)
    captured = bank.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now))
    bank.close()

    bank = Bank(f"sqlite:///{folder}/tokens.db")
    check(bank)
    found["lost"] = sum(bank.authorise(till._till, key, tap).number != n for key, (tap, n) in till.answered.items())
    found["captured"] = len(captured) > 0
    bank.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
