"""A Wi-Fi credential as NFC tags carry it, application/vnd.wfa.wsc: Wi-Fi Simple Configuration 2.0.8. Pure.

Attributes of a type and a length, both 16 bits and big-endian (section 12); a Credential has attributes within.
"""

import struct

from micropython import const
from toscore.errors import WireError

_WIFI_MALFORMED = const(384)

TYPE = b"application/vnd.wfa.wsc"  # of the NDEF record

# Attributes, table 28.
_AUTHENTICATION = const(0x1003)
_CREDENTIAL = const(0x100E)
_ENCRYPTION = const(0x100F)
_MAC_ADDRESS = const(0x1020)
_NETWORK_INDEX = const(0x1026)
_NETWORK_KEY = const(0x1027)
_SSID = const(0x1045)
_VERSION = const(0x104A)
_VENDOR = const(0x1049)

_OPEN = const(0x0001)  # table 32
_WPA2_PERSONAL = const(0x0020)
_NO_CIPHER = const(0x0001)  # table 38
_AES = const(0x0008)
_VERSION_1 = b"\x10"
_VERSION_2 = b"\x00\x37\x2a\x00\x01\x20"  # of the Wi-Fi Alliance's extension
_ANYBODY = b"\xff\xff\xff\xff\xff\xff"

_MOST_B = const(1024)
_SSID_B = const(32)
_PASSWORD_B = const(64)
_ATTRIBUTES = const(32)


def networks(payload):
    """The payload of a record -> [(ssid, password), ...], the password "" for an open network. Raises WireError.

    Attributes that nobody needs here are skipped; a credential lacks neither its name nor what kind of key it has.
    """
    if len(payload) > _MOST_B:
        raise WireError(_WIFI_MALFORMED, _MOST_B)
    found = []
    for kind, at, end in _attributes(payload, 0, len(payload)):
        if kind == _CREDENTIAL:
            found.append(_credential(payload, at, end))
    if not found:
        raise WireError(_WIFI_MALFORMED, len(payload))
    return found


def _credential(payload, at, end):
    values = {}
    for kind, first, last in _attributes(payload, at, end):
        if kind in (_SSID, _NETWORK_KEY, _AUTHENTICATION):
            if kind in values:
                raise WireError(_WIFI_MALFORMED, first)
            values[kind] = bytes(payload[first:last])
    ssid, key, kind = [values.get(name) for name in (_SSID, _NETWORK_KEY, _AUTHENTICATION)]
    if ssid is None or kind is None or len(kind) != 2:
        raise WireError(_WIFI_MALFORMED, at)
    key = b"" if kind == b"\x00\x01" else (key or b"").rstrip(b"\x00")  # section 12: some end it with a zero
    if not 0 < len(ssid) <= _SSID_B or len(key) > _PASSWORD_B or (not key and kind != b"\x00\x01"):
        raise WireError(_WIFI_MALFORMED, at)
    try:
        return str(ssid, "utf-8"), str(key, "utf-8")
    except UnicodeError:
        raise WireError(_WIFI_MALFORMED, at)


def _attributes(data, at, end):
    """[(type, where its value begins, where it ends), ...]"""
    rows = []
    while at < end:
        if at + 4 > end or len(rows) == _ATTRIBUTES:
            raise WireError(_WIFI_MALFORMED, at)
        kind, size = struct.unpack_from(">HH", data, at)
        at += 4
        if at + size > end:
            raise WireError(_WIFI_MALFORMED, at)
        rows.append((kind, at, at + size))
        at += size
    return rows


def payload(ssid, password):
    """Of a record with this one network, WPA2 unless the password is "". ValueError for what is no network."""
    ssid, password = ssid.encode(), password.encode()
    if not 0 < len(ssid) <= _SSID_B or len(password) > _PASSWORD_B:
        raise ValueError("ssid or password")
    kind, cipher = (_WPA2_PERSONAL, _AES) if password else (_OPEN, _NO_CIPHER)
    credential = (
        _attribute(_NETWORK_INDEX, b"\x01")
        + _attribute(_SSID, ssid)
        + _attribute(_AUTHENTICATION, struct.pack(">H", kind))
        + _attribute(_ENCRYPTION, struct.pack(">H", cipher))
        + _attribute(_NETWORK_KEY, password)
        + _attribute(_MAC_ADDRESS, _ANYBODY)
    )
    rest = _attribute(_VENDOR, _VERSION_2)
    return _attribute(_VERSION, _VERSION_1) + _attribute(_CREDENTIAL, credential) + rest


def _attribute(kind, value):
    return struct.pack(">HH", kind, len(value)) + value
