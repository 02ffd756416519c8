"""Bundles and keys as files, for `tos ota`: the passphrase, writing all or nothing, what is in one."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from ..ota.bundle import Bundle


def passphrase(key: Path, file: Path | None, confirm: bool = False) -> Callable[[], bytes]:
    """Never from the command line, which other people of the machine can read."""

    def ask() -> bytes:
        from ..errors import HostError
        from ..paths import shown

        if file:
            text = (file.read_text().splitlines() or [""])[0]
        else:
            text = click.prompt(f"Passphrase of {shown(key)}", hide_input=True, confirmation_prompt=confirm, err=True)
        if not text:
            raise HostError(f"{shown(file)}: there is no passphrase in it" if file else "an empty passphrase is none")
        return text.encode()

    return ask


def private(key: Path, passphrase_file: Path | None) -> "EllipticCurvePrivateKey":
    from ..ota import keys

    return keys.load_private(key, passphrase(key, passphrase_file))


def write(path: Path, bundle: "Bundle") -> None:
    """All of it or nothing."""
    from ..errors import HostError
    from ..paths import shown

    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(bundle.dumps())
        scratch.replace(path)
    except OSError as e:
        raise HostError(f"{shown(path)}: {e.strerror}") from None


def show(path: Path, bundle: "Bundle", as_json: bool, files: bool = False) -> None:
    from ..ota import keys
    from ..ota.bundle import KINDS
    from ..paths import shown

    size_b, message_b = len(bundle.dumps()), len(bundle.message())
    changed = {slot: None if key is None else keys.kid(key).hex() for slot, key in bundle.keys.items()}
    parts: list[dict[str, Any]] = [
        {
            "kind": KINDS[part.kind],
            "size_b": len(part.data),
            "content_b": part.content_b,
            "content": part.content.hex(),
            "base": part.base and part.base.hex(),
            "files": [{"path": file, "size_b": length} for file, length in part.files],
        }
        for part in bundle.parts
    ]
    if as_json:
        about = {
            "file": str(path), "size_b": size_b, "message_b": message_b,
            "product": bundle.product, "hardware": list(bundle.hardware), "version": bundle.version,
            "sequence": bundle.sequence, "floor": bundle.floor,
            "kid": bundle.kid.hex() if bundle.is_signed else None, "keys": changed, "parts": parts,
        }  # fmt: skip
        click.echo(json.dumps(about, indent=2))
        return
    click.echo(f"{shown(path)}: {size_b} B, of them {message_b} B manifest")
    click.echo(f"for       {bundle.product} on {', '.join(bundle.hardware)}")
    click.echo(f"version   {bundle.version}, sequence {bundle.sequence}, floor {bundle.floor}")
    click.echo(f"signed    {f'with the key {bundle.kid.hex()}' if bundle.is_signed else 'not yet: `tos ota sign`'}")
    for slot, kid in changed.items():
        click.echo(f"key slot  {slot}: {'revoked' if kid is None else f'becomes {kid}'}, once it is confirmed")
    for part in parts:
        click.echo(f"{part['kind']:10}{part['size_b']} B, SHA-256 {part['content'][:16]}...")
        if part["base"]:
            click.echo(f"          a delta to {part['base'][:16]}..., that becomes {part['content_b']} B")
        if files:
            for file in part["files"]:
                click.echo(f"{file['size_b']:12} B  {file['path']}")
