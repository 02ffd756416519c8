"""A simulated PN532 on a serial port, and the field between two of them. The drivers at its ports are real ones.

`line` is the port, `frames` what goes over it, `chip` the commands (UM0701-02 section 7), `target` and `initiator` the
two sides of the radio, `isodep` the protocol between them, `air` the field, `tap` the time it would have taken.
"""
