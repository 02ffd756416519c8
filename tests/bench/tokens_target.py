"""A token service and its tills, in a process: `python tokens_target.py URL WRITERS CARDS`. Says "ready", waits for a
line, and prints how many authorisations a second its writers had answered, ten of each card, each after its sync.
"""

import secrets
import sys
import threading
import time

from host.tokens.bank import Bank
from tosplus.tokens import tables


def main(url, writers, count):
    bank = Bank(url, time.time())
    is_new = not bank.count(tables.merchants)
    bank.main = bank.set_up() if is_new else bank.till(f"T{secrets.token_hex(3)}")
    tid = bank.main.terminal
    hands = [[] for _ in range(writers)]
    for i, card in enumerate(bank.cards(count)):
        hands[i % writers] += [(f"{card.number}-{n}", card.tap(5, tid=tid)) for n in range(10)]

    def write(taps):
        for key, tap in taps:
            assert bank.authorise(bank.main, key, tap).approved

    threads = [threading.Thread(target=write, args=(taps,)) for taps in hands]
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(count * 10 / (time.perf_counter() - began), flush=True)
    bank.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
