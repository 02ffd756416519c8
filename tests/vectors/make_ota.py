"""Makes ota.json: manifests of updates, written with cbor2 and signed by pycose, and none of our own code on either
side: `python tests/vectors/make_ota.py`. They come out the same each time; a test compares.
"""

import hashlib
import json
import zlib
from pathlib import Path

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from pycose.algorithms import Es256
from pycose.headers import KID, Algorithm, ContentType
from pycose.keys import EC2Key
from pycose.keys.curves import P256
from pycose.messages import Sign1Message

HERE = Path(__file__).parent
MALFORMED = 387


class Signer:
    def __init__(self, number):
        numbers = ec.derive_private_key(number, ec.SECP256R1()).public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        self.public = x + y
        self.kid = hashlib.sha256(self.public).digest()[:8]
        self._key = EC2Key(crv=P256, x=x, y=y, d=number.to_bytes(32, "big"))

    def sign(self, payload, kid=None, uhdr=None, phdr=None, external=b""):
        protected = {Algorithm: Es256, KID: kid or self.kid, **(phdr or {})}
        message = Sign1Message(phdr=protected, uhdr=uhdr or {}, payload=payload, external_aad=external)
        message.key = self._key
        return message.encode()


SIGNERS = [Signer(number) for number in (0xA11CE << 200 | 1, 0xB0B << 200 | 2, 0xC4A1 << 200 | 3)]


def content(n, seed=0):
    return b"".join(hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(n // 32 + 1))[:n]


def hashes(data):
    return b"".join(hashlib.sha256(data[i : i + 4096]).digest() for i in range(0, len(data), 4096))


FILES = ["app.mpy", 5000, "lib/tos/", "app.mpy", 4192, "lib/", "empty.mpy", 0]  # what the names and lengths are of
TOO_MANY = b"".join(b"%063d\n" % n for n in range(63)) + b"x" * 64 + b"\n"
APP = content(9192)


def deflated(data):
    stream = zlib.compressobj(9, zlib.DEFLATED, -10)
    return stream.compress(data) + stream.flush()


def names(files):
    return "".join([f"{each}\n" for each in files if isinstance(each, str)]).encode()


def lengths(files):
    return b"".join([number(each) for each in files if isinstance(each, int)])


def number(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + number(n >> 7)


def manifest():
    app = {0: 0, 1: len(APP), 2: hashes(APP), 3: FILES, 4: hashlib.sha256(APP).digest()}
    return {0: 1, 1: "kettle", 2: ["ESP32_GENERIC", "TOS_KETTLE"], 3: 7, 4: 5, 5: [app], 6: "1.2.0"}


def changed(change):
    fields = manifest()
    change(fields, fields[5][0])
    for part in fields[5] if isinstance(fields.get(5), list) else ():
        if isinstance(part, dict) and isinstance(part.get(3), list):
            files = part.pop(3)
            rest = {key: part.pop(key) for key in (4, 5, 6) if key in part}
            part.update({3: deflated(names(files)), **rest})
            part.setdefault(6, lengths(files))
    return cbor2.dumps(fields)


def firmware(fields, part):
    data = content(4096 * 129 + 300, 1)  # the table is two blocks
    table = hashes(data)
    about = {0: 1, 1: len(table + data), 2: hashes(table), 4: hashlib.sha256(data).digest()}
    fields[5].append(about)


def firmware_of(length):
    """Of another length than its table says."""

    def change(fields, part):
        firmware(fields, part)
        fields[5][1][1] = length

    return change


def firmware_delta(fields, part):
    firmware(fields, part)
    fields[5][1][5] = bytes(32)


def delta(fields, part):
    data = content(321, 2)
    part.update({1: 321, 2: hashes(data), 5: content(32, 3)})


def at(where, key, value):
    """A change of one field: of the manifest, or of its part."""

    def change(fields, part):
        (fields if where == "manifest" else part)[key] = value

    return change


def listing(names, lengths):
    return lambda fields, part: part.update({3: names, 6: lengths})


def without(where, key):
    def change(fields, part):
        del (fields if where == "manifest" else part)[key]

    return change


def files(*paths):
    def change(fields, part):
        part[3] = [each for i, path in enumerate(paths) for each in (path, 0 if i else 9192)]

    return change


def many(fields, part):
    fields[2] = ["B"] * 600


POINT = SIGNERS[2].public
GOOD = {
    "one app": lambda fields, part: None,
    "with firmware": firmware,
    "a delta": delta,
    "gives a key": at("manifest", 7, {1: POINT}),
    "revokes a key": at("manifest", 7, {1: None}),
    "changes its own key": at("manifest", 7, {0: POINT}),
    "revokes its own key": at("manifest", 7, {0: None}),
    "revokes both keys": at("manifest", 7, {0: None, 1: None}),
    "gives the key that it is signed with": at("manifest", 7, {1: SIGNERS[0].public}),
    "the reserved ones": lambda fields, part: fields.update({8: b"terms", 9: b"signer"}),
    "no version in words": at("manifest", 6, ""),
    "back in the folder of all": at("part", 3, ["lib/", "a", 9000, "/", "z", 192]),
    "a path of 64": files("a" * 60 + ".mpy"),
    "no floor": at("manifest", 4, 0),
    "the highest sequence": at("manifest", 3, (1 << 30) - 1),
}
BAD = [
    ("version 2", "version", at("manifest", 0, 2)),
    ("version true", "version", at("manifest", 0, True)),
    ("another field", "fields", at("manifest", 10, 0)),
    ("a field by name", "fields", at("manifest", "x", 0)),
    ("no product", "product", without("manifest", 1)),
    ("a product of nothing", "product", at("manifest", 1, "")),
    ("a product of bytes", "product", at("manifest", 1, b"kettle")),
    ("a product of 33 bytes", "product", at("manifest", 1, "ü" * 16 + "k")),
    ("a product with a newline", "product", at("manifest", 1, "ket\ntle")),
    ("no boards", "hardware", at("manifest", 2, [])),
    ("nine boards", "hardware", at("manifest", 2, ["B"] * 9)),
    ("a board that is a number", "hardware", at("manifest", 2, [1])),
    ("boards as text", "hardware", at("manifest", 2, "ESP32_GENERIC")),
    ("sequence 0", "sequence", at("manifest", 3, 0)),
    ("sequence -1", "sequence", at("manifest", 3, -1)),
    ("sequence 1 << 30", "sequence", at("manifest", 3, 1 << 30)),
    ("sequence 1 << 64", "sequence", at("manifest", 3, 1 << 64)),
    ("sequence 7.0", "sequence", lambda fields, part: fields.update({3: 7.5})),
    ("a floor above the sequence", "floor", at("manifest", 4, 8)),
    ("a floor below 0", "floor", at("manifest", 4, -1)),
    ("no floor given", "floor", without("manifest", 4)),
    ("no version in words given", "version", without("manifest", 6)),
    ("keys as a list", "keys", at("manifest", 7, [None])),
    ("a third slot", "keys", at("manifest", 7, {2: None})),
    ("a key that is no point", "keys", at("manifest", 7, {1: bytes(64)})),
    ("a key of 63 bytes", "keys", at("manifest", 7, {1: POINT[:63]})),
    ("a key in compressed form", "keys", at("manifest", 7, {1: b"\2" + POINT[:32]})),
    ("terms as text", "reserved", at("manifest", 8, "terms")),
    ("no parts", "parts", at("manifest", 5, [])),
    ("a part that is a number", "part", at("manifest", 5, [1])),
    ("two apps", "parts", lambda fields, part: fields[5].append(part)),
    ("another field of a part", "part", at("part", 7, 0)),
    ("an unknown kind", "part", at("part", 0, 3)),
    ("no length", "part", without("part", 1)),
    ("length 0", "part", lambda fields, part: part.update({1: 0, 2: b"", 3: ["a", 0]})),
    ("a hash too few", "hashes", at("part", 2, hashes(APP)[:64])),
    ("a hash too many", "hashes", at("part", 2, hashes(APP) + bytes(32))),
    ("half a hash", "hashes", at("part", 2, hashes(APP)[:-1])),
    ("no hashes", "hashes", without("part", 2)),
    ("a short hash of the content", "hashes", at("part", 4, bytes(31))),
    ("a short hash of the base", "hashes", at("part", 5, bytes(31))),
    ("an app without files", "files", without("part", 3)),
    ("no files", "files", at("part", 3, [])),
    ("files that are not deflated", "files", listing(names(FILES), lengths(FILES))),
    ("files that are a text", "files", at("part", 3, "app.mpy")),
    ("files that end too early", "files", listing(deflated(names(FILES))[:-3], lengths(FILES))),
    ("files whose last line does not end", "files", listing(deflated(b"a"), number(9192))),
    ("files without lengths", "files", at("part", 3, deflated(names(FILES)))),
    ("lengths that are a text", "files", at("part", 6, "app.mpy")),
    ("lengths that end within one", "files", at("part", 6, lengths(FILES)[:-1] + b"\x80")),
    ("a length in more bytes than it needs", "files", at("part", 6, lengths(FILES)[:-1] + b"\x80\0")),
    ("a length of 29 bits", "files", at("part", 6, lengths(FILES)[:-1] + b"\x80\x80\x80\x80\1")),
    ("files that are a megabyte", "files", listing(deflated(b"\n" * (1 << 20)), b"\0")),
    ("files whose names are 4097 bytes", "files", listing(deflated(TOO_MANY), number(9192) + bytes(63))),
    ("more files than a device takes", "files", files(*(f"{i:015}" for i in range(257)))),
    ("files shorter than the part", "files", at("part", 3, FILES[2:])),
    ("a length without a file", "files", at("part", 3, ["a", 9192, 0])),
    ("a file without a length", "files", at("part", 3, ["a", 9192, "b"])),
    ("a folder upwards", "files", at("part", 3, ["../", "a", 9192])),
    ("an absolute folder", "files", at("part", 3, ["/lib/", "a", 9192])),
    ("a folder with a hole", "files", at("part", 3, ["lib//", "a", 9192])),
    ("an absolute path", "files", files("/app.mpy")),
    ("a path upwards", "files", files("../main.py")),
    ("a path upwards in the middle", "files", files("lib/../../main.py")),
    ("a path that ends upwards", "files", files("lib/..")),
    ("a path of a dot", "files", files("./app.mpy")),
    ("a path with a hole", "files", files("lib//app.mpy")),
    ("a path that ends in a slash", "files", files("lib/")),
    ("an empty path", "files", files("")),
    ("a path with a backslash", "files", files("lib\\app.mpy")),
    ("a path with a NUL", "files", files("app\0.mpy")),
    ("a path with an umlaut", "files", files("küche.mpy")),
    ("a path of 65", "files", files("a" * 61 + ".mpy")),
    ("a path twice", "files", files("a", "a")),
    ("a file that is a folder", "files", files("lib", "lib/a")),
    ("a folder that is a file", "files", files("lib/a/b", "lib/a")),
    ("the manifest's own name", "files", files("app.mpy", "manifest.cose")),
    ("firmware with files", "files", at("part", 0, 1)),
    ("firmware as a delta", "files", firmware_delta),
    ("firmware with a row too many", "part", firmware_of(130 * 4128 + 32)),
    ("firmware with a table alone", "part", firmware_of(32)),
    ("firmware that is longer than its hashes", "hashes", firmware_of(257 * 4128)),
]


def ota():
    first, second, stranger = SIGNERS
    good = [[name, first.sign(changed(change)).hex()] for name, change in GOOD.items()]
    bad = [[name, first.sign(changed(change)).hex(), MALFORMED, where] for name, where, change in BAD]
    plain = changed(lambda fields, part: None)
    for name, payload, code in (
        ("a list", cbor2.dumps(list(range(40))), MALFORMED), ("bytes after it", plain + b"\0", 306),
        ("a key twice", b"\xa2\x00\x01\x00\x01" + bytes(30), 304), ("not CBOR", b"\xff" * 40, 302),
        ("more items than a device takes", changed(many), 308), ("nested too deep", b"\x81" * 40, 303),
    ):  # fmt: skip
        bad.append([name, first.sign(payload).hex(), code, None])
    for name, message in (
        ("an unprotected header", first.sign(plain, uhdr={ContentType: 60})),
        ("another protected header", first.sign(plain, phdr={ContentType: 60})),
        ("a kid of 7 bytes", first.sign(plain, kid=first.kid[:7])), ("an empty payload", first.sign(b"")),
        ("a payload of 23 bytes", first.sign(bytes(23))), ("without a tag", first.sign(plain)[1:]),
        ("longer than 4096", first.sign(bytes(4096 - 85))),
    ):  # fmt: skip
        bad.append([name, message.hex(), MALFORMED, "length" if len(message) > 4096 else "COSE_Sign1"])
    bad.append(["with external data", first.sign(plain, external=b"x").hex(), 390, None])
    bad.append(["by a stranger", stranger.sign(plain).hex(), 389, None])
    bad.append(["by a stranger with a known kid", stranger.sign(plain, kid=first.kid).hex(), 390, None])
    longest = first.sign(bytes(4096 - 86))
    assert len(longest) == 4096
    return {
        "keys": [signer.public.hex() for signer in SIGNERS],
        "app": hashlib.sha256(APP).hexdigest(),
        "good": [*good, ["by the second key", second.sign(plain).hex()]],
        "bad": bad,
    }


def text():
    rows = {name: json.dumps(value) for name, value in ota().items()}
    for name in ("good", "bad"):
        rows[name] = "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in ota()[name]) + "\n]"
    return "{\n" + ",\n".join(f'"{name}": {row}' for name, row in rows.items()) + "\n}\n"


if __name__ == "__main__":
    (HERE / "ota.json").write_text(text(), encoding="utf-8")
