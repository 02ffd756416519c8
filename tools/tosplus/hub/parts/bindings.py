"""Keeps devices together that set something on one another, see ../bindings.py."""

from typing import TYPE_CHECKING

from ..part import Part

if TYPE_CHECKING:
    from ..hub import Hub


class Together(Part):
    name = "bindings"

    async def run(self, hub: "Hub") -> None:
        await hub.bindings.run()
