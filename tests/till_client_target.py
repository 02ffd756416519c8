"""A till's requests by the firmware's own OSCORE, for tests/host: JSON comes to its stdin. MicroPython.

JSON: {"port", "secret", "salt", "sender", "recipient", "asked": [[path, hex], ...]}; port is the hub's.
Each is asked over a real socket, by way of the hub; with Echo where one is wanted. Prints [[code, hex], ...].
"""

import json
import os
import select
import socket
import sys
import time

import cryptolib
from tos.asker import Asker
from toscore import coap
from toscore import oscore_kernel_viper as kernel
from toscore.exchange import Exchange
from toscore.oscore import Context
from toscore.sequence import Reserve

_DEADLINE_MS = 15000


class App:
    """What an Asker asks of one."""

    class clock:
        ms = time.ticks_ms

    class log:
        def event(code, a=0):
            print("log", code, a, file=sys.stderr)


def main(port, secret, salt, sender, recipient, asked):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer = bytes(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    poller = select.poll()
    poller.register(udp, select.POLLIN)
    keys = [bytes.fromhex(text) for text in (secret, salt, sender, recipient)]
    context = Context(cryptolib.aes, kernel, *keys, Reserve(0, lambda n: None).next)
    exchange = Exchange(None, os.urandom, lambda peer, mid: None)
    asker = Asker(App, exchange, lambda: None, context)
    until = time.ticks_add(time.ticks_ms(), _DEADLINE_MS)
    answers = []
    for path, body in asked:
        options = [(3, b"tokens"), (coap.URI_PATH, b"y"), (coap.URI_PATH, path.encode())]
        options += [(coap.CONTENT_FORMAT, bytes((coap.CBOR,))), (39, b"coap")]
        count = len(answers)
        done = lambda code, options, payload: answers.append([code, bytes(payload).hex()])  # noqa: E731
        asker.request(time.ticks_ms(), peer, coap.POST, options, bytes.fromhex(body), done)
        while len(answers) == count:
            for _, datagram in exchange.out:
                udp.sendto(datagram, peer)
            exchange.out.clear()
            if poller.poll(20):
                exchange.receive(time.ticks_ms(), peer, udp.recv(1500))
            exchange.tick(time.ticks_ms())
            if time.ticks_diff(until, time.ticks_ms()) < 0:
                raise OSError("timeout")
    print(json.dumps(answers))


main(**json.loads(sys.stdin.read()))
