"""CBOR diagnostic notation (RFC 8949 section 8), with the words for integer keys as comments."""

import io
import json
import math
from collections.abc import Mapping
from typing import Any

import cbor2

# Tags that cbor2 would turn into Python's dates, decimals and the like; here they are shown as they came.
_TAGS = (0, 1, 4, 5, 30, 35, 36, 37, 43000, 100, 258, 260, 261, 1004, 55799)
_AS_SENT = {tag: lambda value, immutable, tag=tag: cbor2.CBORTag(tag, value) for tag in _TAGS}


class NotCbor(ValueError):
    """offset: the byte at which it stops to be CBOR."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"byte {offset}: {reason}")
        self.offset = offset


def load(data: bytes) -> Any:
    """Exactly one item. Raises NotCbor."""
    file = io.BytesIO(data)
    try:
        value = cbor2.CBORDecoder(file, read_size=1, semantic_decoders=_AS_SENT).decode()
    except cbor2.CBORDecodeEOF:
        raise NotCbor(len(data), "the item ends too early") from None
    except cbor2.CBORDecodeError as e:
        raise NotCbor(file.tell(), str(e)) from None
    if file.tell() < len(data):
        raise NotCbor(file.tell(), "bytes follow the item")
    return value


def diagnostic(value: Any, keys: Mapping[int, str] | None = None, within: Mapping[int, Any] | None = None) -> str:
    """One line. keys: names for the integer keys of a map, {0: "id"} giving {/id/ 0: ...}.

    within: for the maps in the list under a key, their own names: {5: {0: "index"}}.
    """
    if isinstance(value, Mapping):
        pairs = []
        for key, item in value.items():
            note = f"/{keys[key]}/ " if keys and key in keys else ""
            pairs.append(f"{note}{diagnostic(key)}: {diagnostic(item, (within or {}).get(key))}")
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(diagnostic(item, keys) for item in value) + "]"
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, cbor2.CBORTag):
        return f"{value.tag}({diagnostic(value.value)})"
    if isinstance(value, cbor2.CBORSimpleValue):
        return f"simple({value.value})"
    if value is cbor2.undefined:
        return "undefined"
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, (str, bool, int, float)) or value is None:
        return json.dumps(value, ensure_ascii=False)
    return str(value)
