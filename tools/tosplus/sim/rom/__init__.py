"""A simulated ESP chip before its application runs: reset lines, ROM bootloader, flash, and the checks of a boot.

The flasher at the other end is a real one: esptool, esptool-js, `tos flash`. The device starts from what it wrote.
"""
