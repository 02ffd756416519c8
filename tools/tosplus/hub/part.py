"""What can be plugged into the hub: routes below /api, a page, something that runs. parts/__init__.py lists them."""

import asyncio
import sys
import traceback
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from .hub import Hub

_AGAIN_S = 5.0


class Part:
    """name: in addresses. title: in the page's navigation. module: the page's ES module, or None for no page."""

    name = ""
    title = ""
    module: str | None = None

    def wanted(self, hub: "Hub") -> bool:
        """Whether it takes part in this hub."""
        return True

    def routes(self, hub: "Hub") -> list[BaseRoute]:
        """Paths begin with /api/<name>; the guard stands before them."""
        return []

    async def run(self, hub: "Hub") -> None:
        """As long as the hub runs, or not at all."""


async def keep(part: Part, hub: "Hub") -> None:
    """Its `run`, again when it crashed."""
    while True:
        try:
            await part.run(hub)
            return
        except Exception:  # the supervisor of parts: none takes the hub with it
            traceback.print_exc(file=sys.stderr)
            await asyncio.sleep(_AGAIN_S)
