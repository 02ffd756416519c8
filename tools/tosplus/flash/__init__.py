"""Putting TOS+ onto a board through its serial port, by the library esptool."""
