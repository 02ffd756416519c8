"""A server that answers later, over a real socket, for tests/host: `micropython tests/later_target.py PORT`.

Ends with 0 when its late answer was acknowledged, with 1 when it was not. GET and PUT alike are answered 300 ms later.
"""

import os
import select
import socket
import sys
import time

from toscore import coap
from toscore.exchange import Exchange

_LATER_MS = 300


def main(port):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
    print("ready")
    poller = select.poll()
    poller.register(udp, select.POLLIN)
    asked = []
    ends = []

    def handler(peer, code, token, options, payload):
        asked.append((time.ticks_ms(), peer, token))
        return coap.EMPTY, (), b""

    exchange = Exchange(handler, os.urandom, lambda peer, mid: None)
    while not ends:
        now = time.ticks_ms()
        if asked and time.ticks_diff(now, asked[0][0]) >= _LATER_MS:
            _, peer, token = asked.pop(0)
            exchange.respond(now, peer, coap.CHANGED, token, (), b"done", True, ends.append)
        exchange.tick(now)
        for peer, datagram in exchange.out:
            udp.sendto(datagram, peer)
        exchange.out.clear()
        if poller.poll(20):
            datagram, peer = udp.recvfrom(1500)
            exchange.receive(time.ticks_ms(), bytes(peer), datagram)
    sys.exit(0 if ends[0] else 1)


main(int(sys.argv[1]))
