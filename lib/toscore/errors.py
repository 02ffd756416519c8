"""What can go wrong, by who is at fault. Pure. The words for the codes live on the host: `tos explain CODE`."""


class TosError(Exception):
    """An error with a number. code: int, listed in `tos explain`. detail: int or str, never a secret.

    `coap` is the response code (RFC 7252 section 12.1.2) with which the link answers it.
    """

    coap = 160  # 5.00 Internal Server Error

    def __init__(self, code, detail=None):
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class WireError(TosError):
    """The peer sent what cannot be understood. detail: byte offset, or the path of the resource."""

    coap = 128  # 4.00 Bad Request


class BadOption(WireError):
    """An option that must be understood, and is not."""

    coap = 130  # 4.02 Bad Option


class AuthError(TosError):
    """The peer is not who it must be."""

    coap = 129  # 4.01 Unauthorized


class Denied(AuthError):
    """The peer, or the origin of a write, is known and may not do this."""

    coap = 131  # 4.03 Forbidden


class StoreError(TosError):
    """What was stored cannot be read back, or there is no room to store it."""


class Busy(TosError):
    """Right, but not now."""

    coap = 163  # 5.03 Service Unavailable
