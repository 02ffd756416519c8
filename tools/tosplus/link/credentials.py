"""The keys that this host shares with devices: a folder with files for each device, which their owner alone may read.

    ID.json       a key that the device has proven to know; `tos explain --context` takes it
    ID.json.new   one of a pairing that was not finished: whether the device knows it is yet to be seen
    ID.json.sent  how many messages were sent, by whichever key: it only grows, so that no nonce is used twice
"""

import itertools
import json
import re
from pathlib import Path
from typing import NamedTuple

from ..durable import locked, replace, sync
from ..errors import HostError, UsageFault
from .oscore import Context
from .secure import Credentials

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Peer(NamedTuple):
    """A device and our key with it. role, name: what we are to it. address: HOST:PORT where it was last met."""

    context: Context
    role: str
    name: str
    address: str


class Store:
    """The folder, made when something is first kept. What is kept survives a power cut, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._given: set[bytes] = set()
        self._credentials: dict[tuple[str, Context], Credentials] = {}

    def ids(self) -> list[str]:
        """Of the devices that we are paired with."""
        return sorted(file.name.removesuffix(".json") for file in self.folder.glob("*.json"))

    def get(self, id: str) -> Peer | None:
        """Raises UsageFault where the file is damaged."""
        return _read(self._file(id))

    def unproven(self, id: str) -> Peer | None:
        return _read(self._file(id, ".new"))

    def credentials(self, id: str, unproven: bool = False, known: bool = False) -> Credentials | None:
        """The same for a key, however often it is asked for. known: as Credentials has it.

        Raises HostError where it is not known which numbers were used with the key.
        """
        peer = self.unproven(id) if unproven else self.get(id)
        if peer is None:
            return None
        sent = self._file(id, ".sent")
        if not sent.exists():
            raise HostError(f"{sent} is lost, which counts what was sent with a key\nPair again: `tos pair CODE`.")
        return self._credentials.setdefault((id, peer.context), Credentials(peer.context, sent, known))

    def free_id(self) -> bytes:
        """One that no device of ours sends with, and that this process has not given out: 1 byte, or 2 when those are
        used up."""
        peers = [peer for id in self._all() for peer in (self.get(id), self.unproven(id)) if peer]
        taken = self._given | {peer.context.recipient for peer in peers}
        ids = itertools.chain((bytes([n]) for n in range(256)), (n.to_bytes(2, "big") for n in range(65536)))
        found = next(id for id in ids if id not in taken)
        self._given.add(found)
        return found

    def expect(self, id: str, peer: Peer) -> None:
        """A key that the device may soon have; one that it had counts until `prove`."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.folder):
            if not _is_number(self._file(id, ".sent")):
                # Nobody knows which numbers were used with the key that was: it goes first.
                self._file(id).unlink(missing_ok=True)
                sync(self.folder)
                replace(self._file(id, ".sent"), "0")
            self._write(id, peer, ".new")

    def prove(self, id: str) -> None:
        """What was expected is ours now."""
        with locked(self.folder):
            self._file(id, ".new").replace(self._file(id))

    def move(self, id: str, address: str) -> None:
        """It is met elsewhere now."""
        with locked(self.folder):
            peer = self.get(id)
            if peer and peer.address != address:
                self._write(id, peer._replace(address=address))

    def drop(self, id: str) -> None:
        """Its keys. The counter stays: an old copy of the key may come back."""
        if self.folder.exists():
            with locked(self.folder):
                self._file(id, ".new").unlink(missing_ok=True)
                self._file(id).unlink(missing_ok=True)

    def _all(self) -> set[str]:
        return {file.name.removesuffix(".new").removesuffix(".json") for file in self.folder.glob("*.json*")}

    def _file(self, id: str, ending: str = "") -> Path:
        if not _ID.fullmatch(id):
            raise UsageFault(f"{id!r} is not the id of a device")
        return self.folder / f"{id}.json{ending}"

    def _write(self, id: str, peer: Peer, ending: str = "") -> None:
        keys = ("secret", "salt", "sender", "recipient")
        told = {key: getattr(peer.context, key).hex() for key in keys}
        told |= {"role": peer.role, "name": peer.name, "address": peer.address}
        replace(self._file(id, ending), json.dumps(told, indent=2) + "\n")


def _read(file: Path) -> Peer | None:
    if not file.exists():
        return None
    context = Context.read(file)
    about = json.loads(file.read_text())
    try:
        fields = [about[key] for key in ("role", "name", "address")]
    except KeyError as e:
        raise UsageFault(f"{file} does not say {e}; it is not from `tos pair`") from None
    return Peer(context, *fields)


def _is_number(file: Path) -> bool:
    try:
        return int(file.read_text()) >= 0
    except (OSError, ValueError):
        return False
