"""Fetches coap://127.0.0.1:PORT/f over a real socket, for tests and the bench. MicroPython: `fetch_target.py JSON`.

JSON: {"port", "window", "exponent", "offset"}. Prints {"result", "ms", "bytes", "sha256", "heap_b"}: the most that the
heap grew while it ran.
"""

import gc
import hashlib
import json
import os
import select
import socket
import sys
import time
from binascii import hexlify

from toscore import coap
from toscore.exchange import Exchange
from toscore.fetch import Fetch


def main(port, window, exponent, offset=0):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer = bytes(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    poller = select.poll()
    poller.register(udp, select.POLLIN)
    digest = hashlib.sha256()
    began = time.ticks_ms()
    got_b = 0

    def sink(at, piece):
        nonlocal got_b
        assert at == offset + got_b
        got_b += len(piece)
        digest.update(piece)

    def now():
        return time.ticks_diff(time.ticks_ms(), began)

    exchange = Exchange(None, os.urandom, lambda peer, mid: None)
    fetch = Fetch(exchange, peer, [(coap.URI_PATH, b"f")], sink, window, exponent, offset)
    gc.collect()
    before = gc.mem_alloc()
    grown = turns = 0
    while True:
        wait = fetch.step(now())
        for _, datagram in exchange.out:
            udp.sendto(datagram, peer)
        exchange.out.clear()
        if wait is None:
            break
        turns += 1
        if turns % 16 == 0:
            gc.collect()
            grown = max(grown, gc.mem_alloc() - before)
        if poller.poll(wait):
            exchange.receive(now(), peer, udp.recv(1500))
    answer = {"result": fetch.result, "ms": now(), "bytes": got_b, "heap_b": grown}
    answer["sha256"] = hexlify(digest.digest()).decode()
    print(json.dumps(answer))


main(**json.loads(sys.argv[1]))
