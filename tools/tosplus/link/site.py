"""What a CoAP server of ours says under OSCORE: aiocoap's site, and a refusal for whatever cannot be opened."""

from typing import Any

from aiocoap import error, oscore
from aiocoap.oscore_sitewrapper import OscoreSiteWrapper


class SecuredSite(OscoreSiteWrapper):
    """aiocoap's own (0.4.17) answers 5.00 to an option that is cut, and to one with a flag that RFC 8613 reserves and
    groups use (section 6.1)."""

    async def render_to_pipe(self, pipe: Any) -> None:
        request = pipe.request
        if request.opt.oscore is None:
            await self._inner_site.render_to_pipe(pipe)
            return
        request.opt.uri_path = ()  # what is said outside is nobody's word (section 8.2)
        try:
            about = oscore.verify_start(request)
        except (oscore.DecodeError, LookupError):
            raise error.BadOption("Failed to decode COSE") from None
        if oscore.COSE_COUNTERSIGNATURE0 in about:
            raise error.BadOption("Failed to decode COSE")
        await super().render_to_pipe(pipe)
