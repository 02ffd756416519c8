"""A client that asks by the firmware's own OSCORE, over a real socket. MicroPython."""

import os
import select
import socket
import sys
import time

import cryptolib
from tos.asker import Asker
from toscore import oscore_kernel_viper as kernel
from toscore.exchange import Exchange
from toscore.oscore import Context
from toscore.sequence import Reserve

_DEADLINE_MS = 15000  # for all that it asks


class App:
    """What an Asker asks of one."""

    class clock:
        ms = time.ticks_ms

    class log:
        def event(code, a=0):
            print("log", code, a, file=sys.stderr)


class Client:
    """secret, salt, sender, recipient: hex, from its side. port: of who is asked, on loopback."""

    def __init__(self, port, secret, salt, sender, recipient):
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._peer = bytes(socket.getaddrinfo("127.0.0.1", port)[0][-1])
        self._poller = select.poll()
        self._poller.register(self._udp, select.POLLIN)
        keys = [bytes.fromhex(text) for text in (secret, salt, sender, recipient)]
        self.context = Context(cryptolib.aes, kernel, *keys, Reserve(0, lambda n: None).next)
        self.exchange = Exchange(None, os.urandom, lambda peer, mid: None)
        self.asker = Asker(App, self.exchange, lambda: None, self.context)
        self._until = time.ticks_add(time.ticks_ms(), _DEADLINE_MS)

    def turn(self, wait_ms=20):
        for _, datagram in self.exchange.out:
            self._udp.sendto(datagram, self._peer)
        self.exchange.out.clear()
        if self._poller.poll(wait_ms):
            self.exchange.receive(time.ticks_ms(), self._peer, self._udp.recv(1500))
        self.exchange.tick(time.ticks_ms())
        if time.ticks_diff(self._until, time.ticks_ms()) < 0:
            raise OSError("timeout")

    def ask(self, code, options, payload=b""):
        """-> (code, options, payload)"""
        answers = []
        done = lambda *answer: answers.append(answer)  # noqa: E731
        self.asker.request(time.ticks_ms(), self._peer, code, options, payload, done)
        while not answers:
            self.turn()
        return answers[0]
