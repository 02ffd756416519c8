"""What a number in a log means, and what bytes off the wire say: CoAP frames (RFC 7252) and CBOR items (RFC 8949)."""

import re
from dataclasses import dataclass, field
from typing import Any

import aiocoap
from aiocoap.numbers.codes import Code
from aiocoap.numbers.contentformat import ContentFormat
from aiocoap.numbers.optionnumbers import OptionNumber

from . import cbordiag
from .errors import UsageFault
from .link import schema
from .words import LEVELS, WORDS

_TYPES = ("CON", "NON", "ACK", "RST")
_FORMAT_CBOR = 60
_ROWS_KEY = 5  # of /d: the resource table


@dataclass
class Explained:
    """title and details for people, data for programs."""

    title: str
    details: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)


def explain(text: str, path: str | None = None) -> Explained:
    """A code of three digits, or hex. path: the resource that a payload belongs to, where the bytes do not say.

    Raises UsageFault: an unknown code, bad hex, malformed bytes.
    """
    compact = re.sub(r"[\s:,]|0x", "", text)
    if re.fullmatch(r"\d{3}", text.strip()):
        return _code(int(text))
    if not re.fullmatch(r"[0-9A-Fa-f]+", compact) or len(compact) % 2:
        raise UsageFault("give a code of three digits, such as 334, or hex with two digits for each byte")
    frame = bytes.fromhex(compact)
    # A CoAP message starts with the bits 01; so does a CBOR string of up to 31 bytes.
    if frame[0] >> 6 != 1:
        return _cbor(frame, path)
    fault = coap_fault(frame)
    if fault is None:
        return _coap(frame, path)
    try:
        return _cbor(frame, path)
    except UsageFault:
        raise UsageFault(f"not a CoAP message: {fault}") from None


def _code(code: int) -> Explained:
    if code not in WORDS:
        raise UsageFault(f"no code {code} is known here; codes run from {min(WORDS)} to {max(WORDS)}")
    word = WORDS[code]
    level = LEVELS[code // 100]
    text = word.text.replace("{a}", "A").replace("{b}", "B")
    details = [text] + ([f"what to do: {word.hint}"] if word.hint else [])
    data = {"code": code, "name": word.name, "level": level, "text": word.text, "hint": word.hint}
    return Explained(f"{code} {word.name} ({level})", details, data)


def _cbor(item: bytes, path: str | None) -> Explained:
    try:
        shown = _diagnostic(item, path)
    except cbordiag.NotCbor as e:
        raise UsageFault(f"not CBOR: {e}") from None
    return Explained(f"CBOR, {len(item)} bytes", [shown], {"cbor": shown, "size_b": len(item)})


def _coap(frame: bytes, path: str | None) -> Explained:
    try:
        message = aiocoap.Message.decode(frame)
    except UnicodeDecodeError as e:
        raise UsageFault(f"not a CoAP message: an option that is text is not UTF-8: {e.object.hex()}") from None
    kind = _TYPES[message.mtype]
    code = str(message.code) if message.code in Code else message.code.dotted
    title = f"CoAP {kind} {code}, message id 0x{message.mid:04x}, token {message.token.hex() or 'none'}"
    options = [(_option_name(option.number), _option_value(option)) for option in message.opt.option_list()]
    details = [f"{name}: {value}" for name, value in options]
    data: dict[str, Any] = {
        "type": kind,
        "code": code,
        "mid": message.mid,
        "token": message.token.hex(),
        "options": [list(option) for option in options],
    }
    if message.payload:
        shown = _payload(message, path or "/" + "/".join(message.opt.uri_path))
        details += [f"payload, {len(message.payload)} bytes:", shown]
        data["payload"] = shown
        told = re.match(r"(\d{3})\b", shown)
        if told and not message.code.is_successful() and int(told[1]) in WORDS:
            word = _code(int(told[1]))
            details += [word.title, *word.details]
            data["word"] = word.data
    return Explained(title, details, data)


def _payload(message: aiocoap.Message, path: str) -> str:
    form = message.opt.content_format
    if form == _FORMAT_CBOR:
        try:
            return _diagnostic(message.payload, path)
        except cbordiag.NotCbor as e:
            return f"not CBOR: {e}: {message.payload.hex()}"
    try:
        return message.payload.decode()
    except UnicodeDecodeError:
        return message.payload.hex()


def _diagnostic(item: bytes, path: str | None) -> str:
    path = "/r" if path and path.startswith("/r/") else path
    names = {
        "/b": schema.RULE,
        "/d": schema.IDENTITY,
        "/e": schema.EVENTS,
        "/l": schema.LOG,
        "/r": schema.REPORT,
    }
    keys = names.get(path or "")
    return cbordiag.diagnostic(cbordiag.load(item), keys, {_ROWS_KEY: schema.ROW} if path == "/d" else None)


def _option_name(number: OptionNumber) -> str:
    """Uri-Path, as the RFCs write it."""
    return number.name.title().replace("_", "-") if number in OptionNumber else f"option {int(number)}"


def _option_value(option: Any) -> str:
    if isinstance(option.value, ContentFormat):
        return f"{int(option.value)} {option.value}"
    if isinstance(option.value, bytes):
        return f"h'{option.value.hex()}'"
    return str(option.value)


def coap_fault(frame: bytes) -> str | None:
    """Where and why these bytes are not a CoAP message (RFC 7252 section 3); None if they are one."""
    if len(frame) < 4:
        return f"byte {len(frame)}: shorter than the header of 4 bytes"
    token_b = frame[0] & 15
    if token_b > 8:
        return f"byte 0: token length {token_b} is reserved"
    if frame[1] == 0 and len(frame) > 4:
        return "byte 4: an empty message (code 0.00) ends after its header"
    at = 4 + token_b
    if at > len(frame):
        return f"byte {len(frame)}: the token should have {token_b} bytes"
    while at < len(frame) and frame[at] != 0xFF:
        began = at
        at += 1
        length = 0
        for nibble, what in ((frame[began] >> 4, "delta"), (frame[began] & 15, "length")):
            if nibble == 15:
                return f"byte {began}: option {what} 15 is reserved"
            extra_b = max(0, nibble - 12)
            if at + extra_b > len(frame):
                return f"byte {len(frame)}: the option from byte {began} ends within its {what}"
            extra = int.from_bytes(frame[at : at + extra_b], "big")
            length = (nibble, extra + 13, extra + 269)[extra_b]
            at += extra_b
        if at + length > len(frame):
            return f"byte {len(frame)}: the option from byte {began} should have {length} bytes"
        at += length
    if at == len(frame) - 1:
        return f"byte {at}: a payload marker with no payload"
    return None
