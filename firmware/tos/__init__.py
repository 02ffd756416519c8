"""TOS+, the device OS. A maker's file starts with `from tos import App`."""

import sys

from tos.app import App


def drop(*names):
    """Modules "package.module" that were needed for a while: once nobody holds what is theirs, the heap has it back."""
    for name in names:
        if sys.modules.pop(name, None):
            package, module = name.split(".")
            delattr(sys.modules[package], module)
