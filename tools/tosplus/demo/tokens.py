"""The demo's token service: `tos tokens serve` beside the hub, which shows what is in it and knows none of its keys."""

import socket
from pathlib import Path

from .. import wellknown
from ..ports import HOST
from .beside import Beside, Say, free


class Tokens(Beside):
    """In `folder`; off until plug(). hub: HOST:PORT of its CoAP, by which devices are reached. secret: the file of the
    hub's credential."""

    def __init__(self, folder: Path, hub: str, say: Say) -> None:
        port, coap_port = free(socket.SOCK_STREAM, wellknown.TOKENS), free(socket.SOCK_DGRAM, wellknown.TILLS)
        self.folder = folder
        self.hub = hub
        self.url = f"http://{HOST}:{port}"
        self.coap = f"{HOST}:{coap_port}"
        self.secret = folder / "house.secret"
        where = ["--host", HOST, "--port", str(port), "--coap-port", str(coap_port), "--hub", hub]
        arguments = ["tokens", "--state", str(folder), "serve", *where]
        super().__init__("token service", arguments, f"{self.url}/health", folder / "tokens.log", say)
