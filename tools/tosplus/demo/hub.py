"""The demo's hub: `tos hub` beside it, at the ports that people know, or at any free ones."""

import socket
from pathlib import Path

from .. import wellknown
from ..ports import HOST
from .beside import Beside, Say, free
from .tokens import Tokens


class Hub(Beside):
    """In `folder`. coap: HOST:PORT for the devices. peers: its keys. bench: its socket."""

    def __init__(self, folder: Path, coap: str, bench: Path, tokens: Tokens, say: Say) -> None:
        port = free(socket.SOCK_STREAM, wellknown.HUB)
        self.coap = coap
        self.peers = folder / "peers"
        self.url = f"http://{HOST}:{port}"
        where = ["--host", HOST, "--port", str(port), "--coap-port", coap.rpartition(":")[2], "--state", str(folder)]
        money = ["--tokens", tokens.url, "--tokens-secret", str(tokens.secret), "--tokens-coap", tokens.coap]
        arguments = ["hub", *where, "--bench", str(bench), *money]
        super().__init__("hub", arguments, f"{self.url}/api/health", folder / "hub.log", say)
        self.plug()
