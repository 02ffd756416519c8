"""Bundles over CoAP: any block of one to whoever asks, so that a device goes on where it stopped. aiocoap."""

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256

from aiocoap import Message, resource
from aiocoap.numbers import codes

_LARGEST = 6  # exponent of a block of 1024 B


class Parts(resource.Resource, resource.PathCapable):
    """`GET /o/<name>`. find(name) -> the bundle's bytes, or None."""

    def __init__(self, find: Callable[[str], bytes | None]) -> None:
        super().__init__()
        self._find = find

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        return False

    async def render_get(self, request: Message) -> Message:
        data = self._find("/".join(request.opt.uri_path))
        if data is None:
            return Message(code=codes.NOT_FOUND)
        block = request.opt.block2
        number, exponent = (block.block_number, block.size_exponent) if block else (0, _LARGEST)
        size_b = 16 << exponent
        at = number * size_b
        if at >= len(data) or exponent > _LARGEST:
            return Message(code=codes.BAD_OPTION)
        answer = Message(code=codes.CONTENT, payload=data[at : at + size_b], etag=_etag(data))
        answer.opt.block2 = (number, at + size_b < len(data), exponent)
        return answer


@lru_cache(8)
def _etag(data: bytes) -> bytes:
    return sha256(data).digest()[:8]
