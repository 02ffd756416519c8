"""The token service's CoAP: a till that is a device says /y here, end to end by OSCORE, through its hub's relay.

Merchant and terminal are its credential's. An answer leaves after the sync of what it says, as with HTTP.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from aiocoap import Message, error, interfaces, oscore
from aiocoap.numbers import OptionNumber, codes

from ..errors import HostError, UsageFault
from . import tills, wire
from .rows import Missing
from .service import Repeated, Service

_THREADS = 16
_MOST = 64  # requests at a time
_CBOR = 60
_BODY_B = 512
_MAX_AGE_S = 5
_KNOWN = {OptionNumber.URI_PATH, OptionNumber.CONTENT_FORMAT, OptionNumber.ECHO}


class Door(interfaces.Resource):
    """tell: hears of each result that a card may know."""

    def __init__(self, service: Service, tell: Callable[[wire.Result], None]) -> None:
        self._service, self._tell = service, tell
        self._pool = ThreadPoolExecutor(_THREADS, "till")
        self._busy = 0

    def close(self) -> None:
        """After what was begun is done."""
        self._pool.shutdown()

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        return False

    async def render(self, request: Message) -> Message:
        raise NotImplementedError  # render_to_pipe does it all

    async def render_to_pipe(self, pipe: Any) -> None:
        if self._busy >= _MOST:
            pipe.add_response(_refused(codes.SERVICE_UNAVAILABLE, "too many at a time"), is_last=True)
            return
        self._busy += 1
        try:
            answer = await self._answer(pipe.request)
        except (sa.exc.SQLAlchemyError, HostError):  # there is not even a number to seal it with
            answer = _refused(codes.SERVICE_UNAVAILABLE, "not now")
        finally:
            self._busy -= 1
        pipe.add_response(answer, is_last=True)

    async def _answer(self, request: Message) -> Message:
        """Errors of OSCORE are in the clear, as section 8.2 of RFC 8613 has them."""
        if request.opt.oscore is None or request.code not in (codes.POST, codes.FETCH):
            return _refused(codes.UNAUTHORIZED, "this service hears who is paired with it")
        try:
            about = oscore.verify_start(request)
            if oscore.COSE_COUNTERSIGNATURE0 in about:
                return _refused(codes.BAD_OPTION, "no group")  # which aiocoap would take this context for
            found = await self._run(self._service.contexts.by, about.get(oscore.COSE_KID, b""))
            if found is None:
                return _refused(codes.UNAUTHORIZED, "Security context not found")
            device, context = found
            inner, asked = context.unprotect(request)
        except oscore.ReplayErrorWithEcho as e:
            return await self._run(e.to_message)
        except oscore.ReplayError:
            return _refused(codes.UNAUTHORIZED, "Replay detected")
        except oscore.DecodeError:
            return _refused(codes.BAD_OPTION, "Failed to decode COSE")
        except (error.Error, ValueError, LookupError):  # what was sealed may be no message, too
            return _refused(codes.BAD_REQUEST, "Decryption failed")
        asked.can_reuse_nonce = False  # another process with our database may answer a repetition of it

        def work() -> Message:
            sealed, _ = context.protect(self._done(device, inner), asked)
            return sealed

        return await self._run(work)

    def _done(self, device: str, request: Message) -> Message:
        path = "/" + "/".join(request.opt.uri_path)
        if path not in wire.PATHS:
            return _refused(codes.NOT_FOUND, "there is no such path")
        if request.code is not codes.POST:
            return _refused(codes.METHOD_NOT_ALLOWED, "POST")
        if any(option.number.is_critical() and option.number not in _KNOWN for option in request.opt.option_list()):
            return _refused(codes.BAD_OPTION, "an option that is not known here")
        if request.opt.content_format not in (None, _CBOR) or len(request.payload) > _BODY_B:
            return _refused(codes.BAD_REQUEST, "one CBOR map, in one piece")
        try:
            till = self._service.read(lambda connection: tills.find(connection, device))
            if till is None:
                return _refused(codes.FORBIDDEN, "this is for tills")
            told = wire.answer(self._service, till, path, request.payload, self._tell)
        except Missing as e:
            return _refused(codes.NOT_FOUND, str(e))
        except Repeated as e:
            return _refused(codes.UNPROCESSABLE_ENTITY, str(e))
        except (ValueError, UsageFault) as e:
            return _refused(codes.BAD_REQUEST, str(e))
        except (sa.exc.SQLAlchemyError, HostError):
            return _refused(codes.SERVICE_UNAVAILABLE, "not now")
        return Message(code=codes.CHANGED, payload=told, content_format=_CBOR)

    async def _run(self, work: Callable[..., Any], *about: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *about)


def _refused(code: codes.Code, text: str) -> Message:
    message = Message(code=code, payload=text.encode()[:200])
    if code is codes.SERVICE_UNAVAILABLE:
        message.opt.max_age = _MAX_AGE_S
    return message
