"""The token service's database and keys, for a command of its operator on this machine."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..tokens.service import Service

About = tuple[Path, str | None, Path | None]  # --state, --database, --master
WHO = "operator here"


@contextlib.contextmanager
def here(about: About) -> Iterator["Service"]:
    from ..tokens.serve import Options, opened

    service = opened(Options(*about))
    try:
        yield service
    finally:
        service.close()
