"""The hub as a forward proxy (RFC 7252 section 5.7.2): others speak through it end to end, and it learns nothing.

Asked with Proxy-Scheme and Uri-Host, the id of a device that it knows or "tokens", the house's token service, it hands
on what is secured by OSCORE; and to devices the messages of a pairing, which are secure in the clear. No other payload
passes, and none is looked at.
"""

import time
from math import ceil
from typing import TYPE_CHECKING

import aiocoap
import aiocoap.error
import anyio
from aiocoap import Message
from aiocoap.message import UndecidedRemote
from aiocoap.numbers import OptionNumber, codes
from aiocoap.numbers.constants import TransportTuning

from ..link.find import told
from .pace import Bucket, Buckets

if TYPE_CHECKING:
    from .hub import Hub

_HERTZ, _BURST = 5.0, 20.0  # of one source
_ALL_HERTZ, _ALL_BURST = 50.0, 200.0  # a source can be made up
_BODY_B = 1280
_MAX_AGE_S = 60
_ANSWER_S = 25.0
_PAIRING = ("p",)
_TOKENS = "tokens"
# What may be there; of what else must not be handed on unread, 4.02 tells (RFC 7252 section 5.4.2).
_KNOWN = {OptionNumber.PROXY_SCHEME, OptionNumber.URI_HOST, OptionNumber.URI_PORT, OptionNumber.URI_PATH}
_KNOWN |= {OptionNumber.OBSERVE, OptionNumber.OSCORE, OptionNumber.CONTENT_FORMAT}


class _Tuning(TransportTuning):
    ACK_TIMEOUT = 0.7
    MAX_RETRANSMIT = 3


class Relay:
    """tokens: where the token service's CoAP is, if there is one."""

    def __init__(self, hub: "Hub", tokens: tuple[str, int] | None) -> None:
        self._hub, self._tokens = hub, tokens
        self._buckets = Buckets(_HERTZ, _BURST)
        self._all = Bucket(_ALL_HERTZ, _ALL_BURST)

    @staticmethod
    def wanted(request: Message) -> bool:
        return request.opt.proxy_scheme is not None or request.opt.proxy_uri is not None

    async def answer(self, request: Message) -> Message:
        options = request.opt
        if not (self._buckets.take(request.remote.hostinfo) and self._all.take()):
            return _refused(codes.TOO_MANY_REQUESTS, "too many requests", _MAX_AGE_S)
        if options.proxy_uri is not None or options.proxy_scheme != "coap" or options.uri_host is None:
            return _refused(codes.PROXYING_NOT_SUPPORTED, "Proxy-Scheme coap and Uri-Host: a device's id, or tokens")
        if any(option.number.is_unsafe() and option.number not in _KNOWN for option in options.option_list()):
            return _refused(codes.BAD_OPTION, "an option that cannot be handed on")
        secured = options.oscore is not None and request.code in (codes.POST, codes.FETCH)
        pairing = request.code is codes.POST and options.uri_path == _PAIRING and options.uri_host != _TOKENS
        if not (secured or pairing):
            return _refused(codes.FORBIDDEN, "only what is secured by OSCORE")
        if len(request.payload) > _BODY_B:
            return _refused(codes.REQUEST_ENTITY_TOO_LARGE, "more than a datagram")
        if options.uri_host == _TOKENS:
            if self._tokens is None:
                return _refused(codes.NOT_FOUND, "no token service")
            return await self._ask(request, self._tokens)
        device = self._hub.devices.get(options.uri_host)
        if device is None:
            return _refused(codes.NOT_FOUND, "no such device")
        if device.link == "asleep":
            wait_s = ceil(max(1.0, (device.next or 0) - time.time()))
            return _refused(codes.SERVICE_UNAVAILABLE, "it is asleep", wait_s)
        return await self._ask(request, device.where())

    async def _ask(self, request: Message, where: tuple[str, int]) -> Message:
        onward = Message(code=request.code, payload=request.payload, transport_tuning=_Tuning())
        onward.opt.oscore = request.opt.oscore
        onward.opt.content_format = request.opt.content_format
        if request.opt.oscore is None:
            onward.opt.uri_path = request.opt.uri_path
        onward.remote = UndecidedRemote("coap", told(where))
        asked = self._hub.relay_context.request(onward, handle_blockwise=False)
        try:
            with anyio.fail_after(_ANSWER_S):
                found = await asked.response
        except (aiocoap.error.Error, TimeoutError):
            return _refused(codes.GATEWAY_TIMEOUT, f"{request.opt.uri_host} does not answer")
        answer = Message(code=found.code, payload=found.payload)
        answer.opt.oscore = found.opt.oscore
        answer.opt.content_format = found.opt.content_format
        answer.opt.max_age = found.opt.max_age
        return answer


def _refused(code: codes.Code, text: str, max_age_s: int | None = None) -> Message:
    message = Message(code=code, payload=text.encode())
    message.opt.max_age = max_age_s
    return message
