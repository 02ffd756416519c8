"""A till's requests by the firmware's own OSCORE, for tests/host: JSON comes to its stdin. MicroPython.

JSON: {"port", "secret", "salt", "sender", "recipient", "asked": [[path, hex], ...]}; port is the hub's.
Each is asked over a real socket, by way of the hub; with Echo where one is wanted. Prints [[code, hex], ...].
"""

import json
import sys

from secured_client import Client
from toscore import coap


def main(asked, **order):
    client = Client(**order)
    answers = []
    for path, body in asked:
        options = [(3, b"tokens"), (coap.URI_PATH, b"y"), (coap.URI_PATH, path.encode())]
        options += [(coap.CONTENT_FORMAT, bytes((coap.CBOR,))), (39, b"coap")]
        code, _, payload = client.ask(coap.POST, options, bytes.fromhex(body))
        answers.append([code, bytes(payload).hex()])
    print(json.dumps(answers))


main(**json.loads(sys.stdin.read()))
