"""The pairing code, which a device shows: `tos:v1:<device id>:<secret and check character>`. Pure."""

from micropython import const

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648 section 6
_CHECKED = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_GROUP = const(4)
_KEY_B = const(10)


def encode(device_id, secret):
    """secret: 16 B -> text of the form tos:v1:kettle-c0ffee:ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZA.

    26 characters of base32 without padding, and a check character by ISO/IEC 7064 MOD 37,36 over the letters and digits
    of the id and the secret.
    """
    number = int.from_bytes(secret, "big") << 2  # 130 bits
    text = "".join([_LETTERS[number >> shift & 31] for shift in range(125, -5, -5)])
    text += check(device_id + text)
    return "tos:v1:%s:%s" % (device_id, "-".join([text[i : i + _GROUP] for i in range(0, len(text), _GROUP)]))


def access_point_key(secret):
    """secret: 16 B -> the WPA2 passphrase of the device's access point, 16 characters of base32 in small letters."""
    from toscore import hkdf

    number = int.from_bytes(hkdf.expand(hkdf.extract(b"", secret), b"tos:v1 access point", _KEY_B), "big")
    return "".join([_LETTERS[number >> shift & 31] for shift in range(75, -5, -5)]).lower()


def check(text):
    """The character that makes text right, from 0-9A-Z; what is neither letter nor digit counts nothing."""
    sum = 36
    for char in text.upper():
        value = _CHECKED.find(char)
        if value >= 0:
            sum = (sum + value) % 36 or 36
            sum = 2 * sum % 37
    return _CHECKED[(1 - sum) % 36]
