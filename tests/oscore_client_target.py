"""A client over OSCORE, for tests/host: `oscore_client_target.py JSON` on MicroPython, over a real socket.

JSON: {"port", "secret", "salt", "sender", "recipient"}, hex. It sends a body to /up in blocks of 64 bytes, fetches
/down with four blocks on their way, observes /tick for four notifications, and reads it once more; with Echo where it
is asked for. Prints {"up": code of the last block, "result", "sha256", "ticks": [...], "after": code of the read}.
"""

import hashlib
import json
import sys
import time

import secured_client
from toscore import coap
from toscore.errors import TosError
from toscore.fetch import Fetch
from toscore.sequence import Notifications

UP = bytes(range(256)) * 5
BLOCK_B = 64


class Client(secured_client.Client):
    def send(self, path, body):
        """In blocks, RFC 7959 section 2.5 -> the last answer's code."""
        for number in range((len(body) + BLOCK_B - 1) // BLOCK_B):
            piece = body[number * BLOCK_B : (number + 1) * BLOCK_B]
            more = (number + 1) * BLOCK_B < len(body)
            block = coap.uint_bytes(number << 4 | more << 3 | 2)
            code, options, _ = self.ask(coap.PUT, [(coap.URI_PATH, path), (coap.BLOCK1, block)], piece)
            if more:
                assert code == coap.CONTINUE and coap.option(options, coap.BLOCK1) is not None, code
        return code

    def fetch(self, path):
        digest = hashlib.sha256()
        options = [(coap.URI_PATH, path)]
        fetch = Fetch(self.asker, self._peer, options, lambda at, piece: digest.update(piece), window=4, exponent=4)
        while True:
            wait = fetch.step(time.ticks_ms())
            if wait is None:
                return fetch.result, digest.digest().hex()
            self.turn(min(wait, 20))

    def observe(self, path, n):
        """What n notifications say, by the context itself: no part of TOS+ observes as a client yet."""
        came = Notifications()
        heard = []
        *message, asked = self.context.protect_request(coap.GET, [(coap.OBSERVE, b""), (coap.URI_PATH, path)], b"")

        def notified(code, options, payload):
            # An exchange ends with its first answer: what follows is taken with the same token.
            self.exchange._requests[(self._peer, token)] = (time.ticks_ms() + 60000, notified, -1)
            try:
                code, options, payload = self.context.unprotect_response(asked, options, payload, came)
            except TosError as e:
                print("ignored", e.code, file=sys.stderr)
                return
            heard.append((code, coap.option(options, coap.OBSERVE) is not None, bytes(payload).decode()))

        token = self.exchange.request(time.ticks_ms(), self._peer, *message, notified)
        while len(heard) < n:
            self.turn()
        self.exchange.cancel(time.ticks_ms(), self._peer, token)
        return heard


def main(**order):
    client = Client(**order)
    up = client.send(b"up", UP)
    result, digest = client.fetch(b"down")
    ticks = client.observe(b"tick", 4)
    after = client.ask(coap.GET, [(coap.URI_PATH, b"tick")])[0]
    print(json.dumps({"up": up, "result": result, "sha256": digest, "ticks": ticks, "after": after}))


main(**json.loads(sys.argv[1]))
