"""An NFC Forum Type 4 Tag, after T4T 2.0 section 7 and its example of a command flow (appendix E)."""

from binascii import unhexlify

from toscore.type4 import SIZE_B, Type4

SELECT = unhexlify("00a4040007d276000085010100")
CC, FILE = unhexlify("00a4000c02e103"), unhexlify("00a4000c02e104")
OK, REFUSED, NOT_NOW, DAMAGED, NOT_FOUND = b"\x90\x00", b"\x69\x82", b"\x69\x85", b"\x6a\x80", b"\x6a\x82"


class Owner:
    """What a product would be: `shown` is read, what was written is in `got`."""

    def __init__(self, shown=b"", writable=True):
        self.shown = shown
        self.writable = writable
        self.got = []
        self.usable = True

    def shows(self):
        return self.shown

    def takes(self):
        return self.writable

    def wrote(self, message):
        self.got.append(message)
        return self.usable


class Reader:
    def __init__(self, owner):
        self.tag = Type4(owner)
        self.out = bytearray(258)

    def __call__(self, command):
        n = self.tag.step(memoryview(command), self.out)
        assert 2 <= n <= 258
        return bytes(self.out[:n])

    def opened(self):
        assert self(SELECT) == OK
        assert self(FILE) == OK
        return self

    def put(self, offset, data):
        return self(b"\x00\xd6" + offset.to_bytes(2, "big") + bytes((len(data),)) + data)

    def get(self, offset, size):
        return self(b"\x00\xb0" + offset.to_bytes(2, "big") + bytes((size,)))


def test_a_reader_follows_the_example_of_the_standard():
    read = Reader(Owner(b"\xd1\x01\x00U"))
    assert read(SELECT) == OK
    assert read(CC) == OK
    container = read.get(0, 15)
    assert container == unhexlify("000f2000ff00ff0406e1040190" + "0000") + OK
    assert int.from_bytes(container[11:13], "big") == SIZE_B
    assert read(FILE) == OK
    assert read.get(0, 2) == b"\x00\x04" + OK
    assert read.get(2, 4) == b"\xd1\x01\x00U" + OK


def test_what_may_not_be_written_says_so_and_is_not():
    owner = Owner(b"x", writable=False)
    read = Reader(owner)
    assert read(SELECT) == OK and read(CC) == OK
    assert read.get(14, 1) == b"\xff" + OK
    read.opened()
    assert read.put(0, b"\x00\x03abc") == REFUSED
    assert owner.got == []


def test_with_nothing_to_read_and_nothing_to_write_there_is_no_tag():
    assert Reader(Owner(b"", writable=False))(SELECT) == NOT_FOUND


def test_it_is_written_length_last_and_never_reads_back():
    owner = Owner()
    read = Reader(owner).opened()
    assert read.put(0, b"\x00\x00") == OK
    assert read.put(2, b"secret") == OK and read.put(8, b" key") == OK
    assert owner.got == [] and read.get(0, 20) == bytes(20) + OK
    assert read.put(0, b"\x00\x0a") == OK
    assert owner.got == [b"secret key"]
    assert read.get(0, 20) == bytes(20) + OK
    assert b"secret" not in bytes(read.tag._written)


def test_it_may_be_written_in_one_command():
    owner = Owner()
    assert Reader(owner).opened().put(0, b"\x00\x03abc") == OK
    assert owner.got == [b"abc"]


def test_a_write_that_is_torn_at_any_command_is_none():
    steps = [(0, b"\x00\x00"), (2, b"ab"), (4, b"cd"), (0, b"\x00\x04")]
    for cut in range(len(steps)):
        owner = Owner()
        read = Reader(owner).opened()
        for offset, data in steps[:cut]:
            assert read.put(offset, data) == OK
        read.tag.reset()
        read.opened()
        assert read.put(0, b"\x00\x04") == DAMAGED  # nothing of it is left
        assert owner.got == []


def test_a_length_without_its_bytes_a_gap_and_half_a_length_are_refused():
    owner = Owner()
    read = Reader(owner).opened()
    for offset, data in ((0, b"\x00\x04ab"), (2, b"ab"), (5, b"x"), (1, b"\x04"), (0, b"\x00")):
        assert read.put(offset, data) == DAMAGED
    assert read.put(0, b"\x00\x00") == OK and read.put(3, b"x") == DAMAGED
    assert read.put(SIZE_B - 1, b"xy") == b"\x6a\x86"
    assert owner.got == []


def test_who_closes_in_the_middle_takes_nothing():
    owner = Owner(b"uri")
    read = Reader(owner).opened()
    assert read.put(0, b"\x00\x00") == OK and read.put(2, b"ab") == OK
    owner.writable, owner.shown = False, b""
    assert read.put(0, b"\x00\x02") == REFUSED
    assert read.get(0, 5) == bytes(5) + OK
    owner.writable = True
    assert read.put(0, b"\x00\x02") == DAMAGED
    assert owner.got == []


def test_what_the_owner_cannot_use_is_refused():
    owner = Owner()
    owner.usable = False
    assert Reader(owner).opened().put(0, b"\x00\x03abc") == DAMAGED


def test_malformed_commands_are_status_words():
    read = Reader(Owner(b"x"))
    for command, status in (
        ("", "6700"), ("00a404", "6700"), ("80a4040007d276000085010100", "6e00"), ("00ca0000", "6d00"),
        ("00a4040009d276000085010100", "6700"), ("00a4040007d2760000850101", "9000"), ("00a4020002e103", "6a86"),
        ("00b0000002", "6985"), ("00b0000000ff", "6700"), ("00d6000000", "6700"), ("00d6000003ab", "6700"),
        ("00a4000c02e105", "6a82"),
    ):  # fmt: skip
        assert read(unhexlify(command)) == unhexlify(status), command
    read.opened()
    assert read.get(SIZE_B, 1) == unhexlify("6a86")
    assert len(read.get(SIZE_B - 3, 0)) == 3 + 2
    assert len(read.get(0, 0)) == 256 + 2


def test_whatever_a_reader_says_is_answered_with_a_status_word():
    seeds = [SELECT, CC, FILE, unhexlify("00b0000020"), unhexlify("00d600000500036162" + "63"), unhexlify("00d6000000")]
    owner = Owner(b"\xd1\x01\x00U")
    read = Reader(owner)
    x = 1
    for _ in range(5000):
        x = x * 1103515245 + 12345 & 0x7FFFFFFF
        command = bytearray(seeds[(x >> 8) % len(seeds)])
        if x & 0x30:
            command[(x >> 12) % len(command)] = x >> 20 & 255
        if x & 0x700000 == 0:
            command = command[: (x >> 4) % len(command)]
        assert len(read(command)) >= 2
        owner.got.clear()
