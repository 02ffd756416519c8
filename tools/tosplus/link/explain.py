"""What a number in a log means, and what bytes say: CoAP frames (RFC 7252), OSCORE in them, CBOR items (RFC 8949)."""

import re
from dataclasses import dataclass, field
from typing import Any

import aiocoap
from aiocoap.numbers.codes import Code
from aiocoap.numbers.contentformat import ContentFormat
from aiocoap.numbers.optionnumbers import OptionNumber

from ..errors import UsageFault
from ..words import LEVELS, WORDS
from . import cbordiag, oscore, schema

_TYPES = ("CON", "NON", "ACK", "RST")
_FORMAT_CBOR = 60
_PAD_B = 10
# Words for the integer keys of a payload by path, and of the maps below one of them.
_KEYS = {
    "/d": schema.IDENTITY,
    "/e": schema.EVENTS,
    "/l": schema.LOG,
    "/r": schema.REPORT,
    "/b": schema.RULE,
}
_WITHIN = {"/d": {5: schema.ROW}}
_NAMES = {OptionNumber.ETAG: "ETag", OptionNumber.OSCORE: "OSCORE"}


@dataclass
class Explained:
    """title and details for people, data for programs."""

    title: str
    details: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)


def explain(
    text: str, path: str | None = None, context: oscore.Context | None = None, request: str | None = None
) -> Explained:
    """A code of three digits, or hex. path: the resource that a payload belongs to, where the bytes do not say.

    context: opens OSCORE messages. request: hex of what a response answers; it tells path, and opens with it.
    Raises UsageFault: an unknown code, bad hex, malformed bytes, a message that does not open.
    """
    if re.fullmatch(r"\d{3}", text.strip()):
        return _code(int(text))
    frame = _bytes(text)
    # A CoAP message starts with the bits 01; so does a CBOR string of up to 31 bytes.
    if frame[0] >> 6 != 1:
        return _cbor(frame, path)
    if coap_fault(frame) is None:
        return coap(frame, path, context, _bytes(request) if request else None)
    try:
        return _cbor(frame, path)
    except UsageFault:
        raise UsageFault(f"not a CoAP message: {coap_fault(frame)}") from None


def _bytes(text: str) -> bytes:
    compact = re.sub(r"[\s:,]|0x", "", text)
    if not re.fullmatch(r"[0-9A-Fa-f]+", compact) or len(compact) % 2:
        raise UsageFault("give a code of three digits, such as 334, or hex with two digits for each byte")
    return bytes.fromhex(compact)


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


def coap(
    frame: bytes, path: str | None = None, context: oscore.Context | None = None, request: bytes | None = None
) -> Explained:
    """One CoAP message; arguments and errors as those of `explain`."""
    message = _message(frame)
    asked = _message(request) if request else None
    kind = _TYPES[message.mtype]
    title = f"CoAP {kind} {_code_name(message)}, message id 0x{message.mid:04x}, token {message.token.hex() or 'none'}"
    path = path or _path(message) or (_path(asked) if asked else "")
    details, data = _content(message, path)
    data = {
        "type": kind,
        "code": _code_name(message),
        "mid": message.mid,
        "token": message.token.hex(),
        **data,
    }
    if message.opt.oscore is not None and context:
        inner = _opened(message, context, asked)
        if not _path(inner) and asked and asked.opt.oscore is not None:
            path = _path(_opened(asked, context, None))
        more, data["inner"] = _content(inner, _path(inner) or path)
        data["inner"]["code"] = _code_name(inner)
        details += [f"opened, {_code_name(inner)}:", *[f"  {line}" for line in more]]
    return Explained(title, details, data)


def _message(frame: bytes) -> aiocoap.Message:
    fault = coap_fault(frame)
    if fault:
        raise UsageFault(f"not a CoAP message: {fault}")
    try:
        return aiocoap.Message.decode(frame)
    except UnicodeDecodeError as e:
        raise UsageFault(f"not a CoAP message: an option that is text is not UTF-8: {e.object.hex()}") from None


def _code_name(message: aiocoap.Message) -> str:
    return str(message.code) if message.code in Code else message.code.dotted


def _path(message: aiocoap.Message) -> str:
    return "/" + "/".join(message.opt.uri_path) if message.opt.uri_path else ""


def _opened(message: aiocoap.Message, context: oscore.Context, asked: aiocoap.Message | None) -> aiocoap.Message:
    """What is inside an OSCORE message. asked: its request, if it is a response and that is known."""
    request = None
    if message.code.is_response():
        if asked is None or asked.opt.oscore is None:
            raise UsageFault("this is a response: give the OSCORE request that it answers, with --request HEX")
        request = oscore.option(asked.opt.oscore)
    plain = context.open(oscore.option(message.opt.oscore), message.payload, request)
    return _message(b"\x40" + plain[:1] + b"\0\0" + plain[1:])


def _content(message: aiocoap.Message, path: str) -> tuple[list[str], dict[str, Any]]:
    """Options and payload, as lines and as data."""
    options = [(_option_name(option.number), _option_value(option)) for option in message.opt.option_list()]
    details = [f"{name}: {value}" for name, value in options]
    data: dict[str, Any] = {"options": [list(option) for option in options]}
    if message.opt.oscore is not None and message.payload:
        data["payload"] = message.payload.hex()
        details += [f"payload, {len(message.payload)} bytes, encrypted:", message.payload.hex()]
    elif message.payload:
        shown = data["payload"] = _payload(message, path)
        details += [f"payload, {len(message.payload)} bytes:", shown]
        told = re.match(r"(\d{3})\b", shown)
        if told and not message.code.is_successful() and int(told[1]) in WORDS:
            word = _code(int(told[1]))
            details += [word.title, *word.details]
            data["word"] = word.data
    return details, data


def _payload(message: aiocoap.Message, path: str) -> str:
    form = message.opt.content_format
    # A pad's events leave the format out: they are short, and there is one only.
    if form == _FORMAT_CBOR or (form is None and path == "/i" and message.code == aiocoap.PUT):
        block = message.opt.block2 or message.opt.block1
        if block and (block.more or block.block_number):
            return f"a block of CBOR: {message.payload.hex()}"
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
    if path == "/i":
        return _pad(item)
    return cbordiag.diagnostic(cbordiag.load(item), _KEYS.get(path or ""), _WITHIN.get(path or ""))


def _pad(item: bytes) -> str:
    """Controller input: the bytes, and what they say as a comment."""
    value = cbordiag.load(item)
    shown = cbordiag.diagnostic(value)
    if not isinstance(value, bytes) or len(value) != _PAD_B:
        return shown
    told = schema.pad(value)
    told["buttons"] = " ".join(told["buttons"]) or "none"
    return f"{shown} /{', '.join(f'{name} {said}' for name, said in told.items())}/"


def _option_name(number: OptionNumber) -> str:
    """Uri-Path, as the RFCs write it."""
    name = getattr(number, "_name_", None)  # which one that aiocoap does not know has not got
    return _NAMES.get(number) or (name.title().replace("_", "-") if name else f"option {int(number)}")


def _option_value(option: Any) -> str:
    value = option.value
    if option.number == OptionNumber.OSCORE:
        return str(oscore.option(value))
    if option.number in (OptionNumber.BLOCK1, OptionNumber.BLOCK2):
        return f"num {value.block_number}, {'more' if value.more else 'the last'}, size {value.size}"
    if option.number == OptionNumber.NO_RESPONSE:
        classes = [name for bit, name in ((2, "2.xx"), (8, "4.xx"), (16, "5.xx")) if value & bit]
        return f"{value}, no {', '.join(classes)}" if classes else f"{value}, any is welcome"
    if isinstance(value, ContentFormat):
        return f"{int(value)} {value}"
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    return str(value)


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
