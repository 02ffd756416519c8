"""TOS+, the device OS. A maker's file starts with `from tos import App`."""

import sys

from tos.app import App


def drop(*names):
    """Modules "package.module" that were needed for a while; nobody may run what is theirs. The heap has it back."""
    for name in names:
        module = sys.modules.pop(name, None)
        if module:
            package, name = name.split(".")
            delattr(sys.modules[package], name)
            module.__dict__.clear()  # a task that has ended may be referred to for long, and refers to its module
