"""A resource that over the link only an owner writes, and neither voice nor pad nor rule at all. MicroPython."""

from micropython import const
from tos.resource import Resource
from tos.roles import OWNER
from toscore.errors import Denied

_ROLE = const(367)


class Owned(Resource):
    """A resource that over the link only an owner writes. gate(value) raises where it cannot be now."""

    def __init__(self, app, gate, path, type, **about):
        super().__init__(path, type, writable=True, origins=("link", "app"), **about)
        self._app = app
        self._gate = gate

    def check(self, value, origin):
        super().check(value, origin)
        name = origin[len("link/") :]
        if name:  # without one it is in the clear
            peer = self._app.link.peers.find(name)
            if peer is None or peer.role != OWNER:
                raise Denied(_ROLE, self.path)
        if self._gate:
            self._gate(value)
