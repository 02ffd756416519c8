"""Requests of HTTP/1.1 and forms, as much as a captive portal needs: RFC 9112, and URL-encoded forms. Pure."""

from binascii import unhexlify

from micropython import const
from toscore.errors import WireError

_PORTAL_MALFORMED = const(386)

HEAD_B = 2048  # browsers send some 600 B to a host that they do not know
BODY_B = 640  # a name and a password, percent-encoded throughout, and what the form adds
_LINES = const(40)
_TARGET_B = const(1024)
_FIELDS = const(8)
_END = b"\r\n\r\n"
_TOKEN = b"!#$%&'*+-.^_`|~"  # RFC 9110 section 5.6.2, beside letters and digits


def request(data):
    """The bytes so far -> (method, path, host, length of the body, where it begins), text but for the last two; None
    while the head is not whole. host: "" when none is given. A path ends where its query begins. Raises WireError.
    """
    end = data.find(_END)
    if end < 0 or end > HEAD_B:
        if len(data) > HEAD_B:
            raise WireError(_PORTAL_MALFORMED, HEAD_B)
        return None
    head = bytes(data[:end])
    for at, byte in enumerate(head):
        if (byte < 32 and byte not in b"\t\r\n") or byte > 126:
            raise WireError(_PORTAL_MALFORMED, at)
    lines = str(head, "ascii").split("\r\n")
    first = lines.pop(0).split(" ")
    if len(lines) > _LINES or len(first) != 3 or first[2][:7] != "HTTP/1." or len(first[1]) > _TARGET_B:
        raise WireError(_PORTAL_MALFORMED, 0)
    method, target, _ = first
    if not _is_token(method):
        raise WireError(_PORTAL_MALFORMED, 0)
    fields = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _is_token(name) or "\r" in line or "\n" in line:
            raise WireError(_PORTAL_MALFORMED, end)
        name = name.lower()
        if name in fields and name in ("host", "content-length"):
            raise WireError(_PORTAL_MALFORMED, end)
        if name in ("host", "content-length", "transfer-encoding"):
            fields[name] = value.strip()
    path, host = _target(target, fields.get("host", ""))
    return method, path, host, _length(fields, end), end + len(_END)


def _target(target, host):
    """Section 3.2: the origin form, or the absolute one, whose host counts -> (path, host)"""
    if target[:7].lower() == "http://":
        host, slash, path = target[7:].partition("/")
        target = slash + path or "/"
    if target[:1] != "/":
        raise WireError(_PORTAL_MALFORMED, 0)
    return target.split("?")[0], host.lower()


def _length(fields, at):
    """Section 6. Chunks are not taken: no form needs them."""
    length = fields.get("content-length", "0")
    if "transfer-encoding" in fields or not length.isdigit() or len(length) > 4 or int(length) > BODY_B:
        raise WireError(_PORTAL_MALFORMED, at)
    return int(length)


def _is_token(text):
    return 0 < len(text) <= 64 and not [c for c in text if not (c.isalpha() or c.isdigit() or ord(c) in _TOKEN)]


def form(body):
    """application/x-www-form-urlencoded, as browsers send a form of UTF-8 -> {name: value}. Raises WireError."""
    if len(body) > BODY_B:
        raise WireError(_PORTAL_MALFORMED, BODY_B)
    values = {}
    parts = bytes(body).split(b"&") if body else []
    if len(parts) > _FIELDS:
        raise WireError(_PORTAL_MALFORMED, 0)
    for part in parts:
        name, _, value = part.partition(b"=")
        name = _decoded(name)
        if name in values:
            raise WireError(_PORTAL_MALFORMED, 0)
        values[name] = _decoded(value)
    return values


def _decoded(text):
    pieces = text.replace(b"+", b" ").split(b"%")
    out = pieces[0]
    try:
        for piece in pieces[1:]:
            if b" " in piece[:2]:  # unhexlify takes a pair of digits, and on CPython spaces between pairs
                raise ValueError
            out += unhexlify(piece[:2]) + piece[2:]
            if len(piece) < 2:
                raise ValueError
        return str(out, "utf-8")
    except (ValueError, UnicodeError):
        raise WireError(_PORTAL_MALFORMED, 0)
