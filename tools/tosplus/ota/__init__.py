"""Bundles of updates: made, signed, read and verified on the host, with none of the device's code."""
