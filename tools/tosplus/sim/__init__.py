"""Devices as processes of MicroPython's Unix port: their flash image, console, supply and reset line. Linux, macOS."""
