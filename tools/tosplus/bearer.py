"""The secret by which a token service knows who asks it: who may read it, and whom it may go to. CPython."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from .durable import private
from .errors import UsageFault
from .listening import is_loopback

_SECRET = re.compile(r"[!-~]{16,200}")


def secret_in(file: Path) -> str:
    """Raises HostError, UsageFault."""
    try:
        return secret(private(file))
    except (OSError, ValueError) as e:
        raise UsageFault(f"{file}: {getattr(e, 'strerror', None) or 'no text'}") from None
    except UsageFault as e:
        raise UsageFault(f"{file}: {e}") from None


def secret(text: str) -> str:
    """Without its line's end. Raises UsageFault, which does not say it."""
    if not _SECRET.fullmatch(text.strip()):
        raise UsageFault("it holds no credential; `tos tokens credential` makes one")
    return text.strip()


def service(option: str, url: str) -> str:
    """The address without what is behind it. Raises UsageFault for one that would let others read the secret."""
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        is_sound = False
    if not is_sound or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise UsageFault(f"{option} {url}: an address is https://HOST:PORT, or http://127.0.0.1:PORT")
    if parts.scheme == "http" and not is_loopback(str(parts.hostname)):
        raise UsageFault(f"{option} {url}: without https a network could read the secret")
    return f"{parts.scheme}://{parts.netloc}"
