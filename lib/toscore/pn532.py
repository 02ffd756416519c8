"""Frames between a host and a PN532, UM0701-02 section 6.2.1. Pure: bytes in, bytes out.

A frame's data begin with TFI, which says who speaks, and the code of the command.
"""

from micropython import const

HEAD_B = const(8)  # room before the data, as an extended frame needs it
TAIL_B = const(2)
MOST_B = const(265)  # of data

ACK = b"\x00\x00\xff\x00\xff\x00"
NACK = b"\x00\x00\xff\xff\x00\x00"  # say that again

_START = b"\x00\xff"

# What find() finds.
MORE = const(0)  # nothing yet
ACKED = const(1)
DATA = const(2)
DAMAGED = const(3)


def seal(buffer, size):
    """Puts the frame around buffer[HEAD_B : HEAD_B + size] -> (begin, end) of it in buffer.

    size: 1..MOST_B. buffer: with room for the head before the data, and for TAIL_B behind.
    """
    end = HEAD_B + size
    total = sum(memoryview(buffer)[HEAD_B:end])
    buffer[end] = -total & 255
    buffer[end + 1] = 0
    if size < 256:
        begin = 3
        buffer[5] = 255
        buffer[6] = size
        buffer[7] = -size & 255
    else:
        begin = 0
        buffer[2] = buffer[3] = buffer[4] = 255
        buffer[5] = size >> 8
        buffer[6] = size & 255
        buffer[7] = -(buffer[5] + buffer[6]) & 255
    buffer[begin] = buffer[begin + 1] = 0
    return begin, end + TAIL_B


def find(buffer, first, n):
    """The first frame in buffer[first:n] -> (what it is, where its data begin and end, where the next may begin).

    Of MORE the last says from where the bytes are worth keeping. A damaged frame is left from behind its start code on.
    """
    at = buffer.find(_START, first, n)
    if at < 0:
        return MORE, 0, 0, n - 1 if n > first and buffer[n - 1] == 0 else n
    if n < at + 4:
        return MORE, 0, 0, at
    size = buffer[at + 2]
    check = buffer[at + 3]
    begin = at + 4
    if size + check == 255 and (size == 0 or check == 0):
        return ACKED if size == 0 else DAMAGED, begin, begin, begin
    if size == 255 and check == 255:
        begin = at + 7
        if n < begin:
            return MORE, 0, 0, at
        size = buffer[at + 4] << 8 | buffer[at + 5]
        check = buffer[at + 6] + (size >> 8)
    if not 0 < size <= MOST_B or (size + check) & 255:
        return DAMAGED, at + 2, at + 2, at + 2
    end = begin + size
    if n < end + 1:
        return MORE, 0, 0, at
    if sum(memoryview(buffer)[begin : end + 1]) & 255:
        return DAMAGED, at + 2, at + 2, at + 2
    return DATA, begin, end, end + 1
