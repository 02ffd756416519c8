"""A web server of ours: it logs nothing, says nothing of itself and believes no proxy."""

from pathlib import Path
from typing import Any

import uvicorn


def server(application: Any, goodbye_s: int, certificate: Path | None, key: Path | None, **more: Any) -> uvicorn.Server:
    """certificate, key: PEM, for HTTPS. more: of uvicorn's, for WebSockets."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=goodbye_s,
            ssl_certfile=certificate,
            ssl_keyfile=key,
            **more,
        )
    )
