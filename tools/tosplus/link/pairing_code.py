"""The pairing code that a device shows, `tos:v1:<device id>:<secret and check character>`, as people type it."""

import base64
import re
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import UsageFault

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CHECKED = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_GROUP = 4
_SECRET = 26  # characters
_LIKE = {"0": "O", "8": "B"}  # not in base32, and there is but one that they can be
_TAKEN_FOR = ("IL", "S5", "Z2", "G6", "UV", "OQ", "OD", "MN", "EF")
_ALIKE = {"O": "0", "I": "1", "B": "8"}  # the check character has all of them


class CodeError(UsageFault):
    """group: from 1, where the mistake is; None when it can be anywhere."""

    def __init__(self, message: str, group: int | None = None) -> None:
        super().__init__(message)
        self.group = group


class Code(NamedTuple):
    device_id: str
    secret: bytes

    def __repr__(self) -> str:
        """Without the secret: a traceback may show it."""
        return f"<Code of {self.device_id}>"


def parse(text: str) -> Code:
    """Capitals or not, with or without dashes and spaces in the secret. CodeError says what is wrong, and where."""
    parts = [part.strip() for part in text.strip().split(":")]
    if len(parts) != 4 or parts[0].lower() != "tos":
        raise CodeError("A pairing code looks like tos:v1:kettle-c0ffee:ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZA.")
    if parts[1].lower() != "v1":
        raise CodeError(f"This code has the form {parts[1]}, and this version of tos knows v1.")
    device_id = parts[2].lower()
    if not re.fullmatch(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?", device_id):
        raise CodeError(f"{parts[2]!r} is not the id of a device.")
    typed = _groups(parts[3])
    given = "".join(typed)
    secret, last = given[:_SECRET], given[_SECRET:]
    if not _same(last, check(device_id + secret)):
        raise _unchecked(device_id, secret, last)
    data = base64.b32decode(secret + "======")
    if base64.b32encode(data).decode()[:_SECRET] != secret:
        raise CodeError("Group 7 is not as it is shown: no code has it.", 7)
    return Code(device_id, data)


def check(text: str) -> str:
    """ISO/IEC 7064 MOD 37,36, over letters and digits; what is neither counts nothing."""
    total = 36
    for char in text.upper():
        if char in _CHECKED:
            total = ((total + _CHECKED.index(char)) % 36 or 36) * 2 % 37
    return _CHECKED[(1 - total) % 36]


def encode(device_id: str, secret: bytes) -> str:
    text = base64.b32encode(secret).decode().rstrip("=")
    text += check(device_id + text)
    return f"tos:v1:{device_id}:{'-'.join(re.findall('.{1,4}', text))}"


class AccessPoint(NamedTuple):
    """Of a device with an owner, after a press of its button. key: WPA2's passphrase."""

    ssid: str
    key: str


def access_point(code: Code) -> AccessPoint:
    """docs/provisioning.md. A device id ends in the 12 hexadecimal digits of the chip."""
    model, _, uid = code.device_id.rpartition("-")
    key = HKDF(hashes.SHA256(), 10, None, b"tos:v1 access point").derive(code.secret)
    return AccessPoint(f"TOS+ {model[:20]}-{uid[-6:]}", base64.b32encode(key).decode().lower())


def _groups(text: str) -> list[str]:
    """Groups of four and the last of three, of characters that a code can have."""
    text = text.upper()
    typed = re.split(r"[\s-]+", text.strip(" -"))
    joined = "".join(typed)
    if len(typed) < 3 or len(joined) == _SECRET + 1:  # whole, or typed without dashes: their places do not matter
        typed = [joined[i : i + _GROUP] for i in range(0, len(joined), _GROUP)]
    good = []
    place = 0  # of the next character
    for number, group in enumerate(typed, 1):
        right = ""
        for char in group:
            if place < _SECRET:
                char = _LIKE.get(char, char)
                if char not in _LETTERS:
                    hint = " Is it I or L?" if char == "1" else ""
                    raise CodeError(f"Group {number}, {group}: no code has {char!r} there.{hint}", number)
            elif char not in _CHECKED:
                raise CodeError(f"Group {number}, {group}: no code has {char!r} there.", number)
            right += char
            place += 1
        good.append(right)
    for number, group in enumerate(good, 1):
        size = _GROUP if number < 7 else _SECRET + 1 - 6 * _GROUP
        if number > 7:
            raise CodeError(f"Group {number}, {group}, is one too many: a code has 7.", number)
        if len(group) != size:
            raise CodeError(f"Group {number}, {group}, has {len(group)} characters and not {size}.", number)
    if len(good) < 7:
        raise CodeError(
            f"Group {len(good) + 1} is missing: a code has six of four characters and one of three.", len(good) + 1
        )
    return good


def _unchecked(device_id: str, secret: str, last: str) -> CodeError:
    """The check tells that a character is wrong and not which; what is taken for another most easily may tell."""
    likely = set()
    for pair in _TAKEN_FOR:
        for place, char in enumerate(secret):
            if char in pair:
                mended = secret[:place] + pair.replace(char, "") + secret[place + 1 :]
                if _same(last, check(device_id + mended)):
                    likely.add(place // _GROUP + 1)
    group = likely.pop() if len(likely) == 1 else None
    where = f"Look at group {group} first." if group else "Compare them group by group."
    return CodeError(
        "One character, of the device's id or of the groups, is not as it is shown, or two have changed places. "
        + where,
        group,
    )


def _same(typed: str, wanted: str) -> bool:
    """O and 0 are one as a check character, and so are I and 1, B and 8: the secret says which is meant."""
    return _ALIKE.get(typed, typed) == _ALIKE.get(wanted, wanted)
