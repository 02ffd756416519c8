"""Frames of a PN532's host, from UM0701-02 section 6.2.1 and the traces in NXP's AN10609 and libnfc's manual."""

from binascii import unhexlify

from toscore import pn532

# (data from TFI on, frame)
EXAMPLES = (
    ("d402", "0000ff02fed4022a00"),  # GetFirmwareVersion
    ("d50332010607", "0000ff06fad50332010607e800"),
    ("d414011401", "0000ff05fbd4140114010200"),  # SAMConfiguration, AN10609 section 3
    ("d44a0100", "0000ff04fcd44a0100e100"),  # InListPassiveTarget
)


def sealed(data):
    buffer = bytearray(b"\x77" * (pn532.HEAD_B + pn532.MOST_B + pn532.TAIL_B))
    buffer[pn532.HEAD_B : pn532.HEAD_B + len(data)] = data
    begin, end = pn532.seal(buffer, len(data))
    return bytes(buffer[begin:end])


def found(data):
    """[data of each frame], with None for a damaged one and b"" for an acknowledge."""
    buffer = bytearray(data)
    frames = []
    first = 0
    while True:
        kind, begin, end, after = pn532.find(buffer, first, len(buffer))
        if kind == pn532.MORE:
            return frames
        assert first < after <= len(buffer)
        first = after
        frames.append(bytes(buffer[begin:end]) if kind == pn532.DATA else b"" if kind == pn532.ACKED else None)


def of(size):
    return bytes([0xD5] + [(n * 31 + size) & 255 for n in range(size - 1)])


def test_frames_of_the_manual():
    for data, frame in EXAMPLES:
        assert sealed(unhexlify(data)) == unhexlify(frame)
        assert found(unhexlify(frame)) == [unhexlify(data)]
    assert found(pn532.ACK) == [b""]
    assert found(pn532.NACK) == [None]
    assert found(unhexlify("0000ff01ff7f8100")) == [b"\x7f"]  # an error


def test_a_frame_of_more_than_255_bytes_is_an_extended_one():
    assert sealed(of(255))[:5] == unhexlify("0000ffff01")
    assert sealed(of(256))[:8] == unhexlify("0000ffffff0100ff")
    assert sealed(of(265))[:8] == unhexlify("0000ffffff0109f6")


def test_every_length_there_and_back_behind_an_acknowledge():
    for size in range(1, 266):
        assert found(pn532.ACK + sealed(of(size))) == [b"", of(size)], size


def test_a_frame_that_is_cut_wants_more_and_is_kept_from_its_beginning():
    for size in (1, 6, 255, 256, 265):
        whole = sealed(of(size))
        for cut in range(len(whole) - 2):  # all but checksum and postamble
            buffer = bytearray(b"\x11\x22" + whole[:cut])
            kind, _, _, after = pn532.find(buffer, 0, len(buffer))
            assert kind == pn532.MORE
            assert after <= max(2, len(buffer) - 1) or bytes(buffer[after:]) == b""
            assert found(bytes(buffer[after:]) + whole[cut:]) == [of(size)]


def test_bytes_before_a_frame_do_not_matter():
    for junk in (b"\x00", b"\x55\x55\x00\x00\x00", b"\xff", b"\xff\x00", b"\x00\x00"):
        assert found(junk + sealed(of(9)))[-1] == of(9)


def test_each_damaged_bit_is_seen_and_what_follows_is_heard():
    whole = sealed(of(12))
    for at in range(3, len(whole) - 1):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            frames = found(bytes(damaged) + bytes(300) + sealed(of(5)))
            assert of(12) not in frames and frames[-1] == of(5), (at, bit)


def test_a_length_that_no_chip_has_is_damage():
    assert found(unhexlify("0000ffffff010af5") + bytes(300)) == [None]
    assert found(unhexlify("0000ffffff0000" + "00") + bytes(300)) == [None]
    assert found(b"\x00\x00\xff\x00\x00" + bytes(10)) == [None]
