"""TOS+, the device OS. A maker's file starts with `from tos import App`."""

from tos.app import App
