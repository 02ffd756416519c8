"""What is seldom asked of a simulated device's control socket, see control.py. Unix port only."""

import sys

import chip
from tos.lazy import lend


class Rare:
    def __init__(self, app, world, radio):
        self._app = app
        self._world = world
        self._radio = radio

    async def op_append(self, signal, value):
        self._world.put(signal, self._world.signals()[signal] + [value])

    async def op_fail(self, signal, failing):
        self._world.fail(signal, failing)

    async def op_cut(self, after, tear):
        chip.flash.cut(after, tear)

    async def op_flash(self):
        f = chip.flash
        return {
            "reads": f.reads,
            "programs": f.programs,
            "erases": f.erases,
            "programmed_b": f.programmed_b,
            "refused": f.refused,
        }

    async def op_modules(self):
        return {"modules": list(sys.modules)}

    async def op_access_points(self, list):
        self._radio.access_points = list

    async def op_config(self, changes):
        config = self._app.config
        if [key for key in changes if config.get(key) != changes[key]]:  # spares the flash
            config.update(changes)

    async def op_peer(self, name, secret, salt, sender_id, recipient_id, role=1, id_context=None, paths=()):
        hex = [secret, salt, sender_id, recipient_id] + ([] if id_context is None else [id_context])
        self._app.link.secure().add(name, role, *[bytes.fromhex(text) for text in hex], paths=paths)

    async def op_unpair(self, name):
        self._app.link.secure().remove(name)

    async def op_identity(self):
        return {"hex": bytes(lend("about").body(self._app, "d")).hex()}
