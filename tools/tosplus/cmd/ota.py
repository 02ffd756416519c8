"""`tos ota`: bundles of updates. Keys, packing, signing, and what is in one."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import complete

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from ..ota.bundle import Bundle

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_NEW = click.Path(path_type=Path, dir_okay=False)
_PASSPHRASE = click.option(
    "--passphrase-file", type=_FILE, help="Its first line is the passphrase, for scripts. [default: it is asked for]"
)
_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group("ota", short_help="Updates: keys, bundles, signatures.")
def command() -> None:
    """Updates: make a bundle, sign it, see what is in it. docs/updates.md has the format, and how to keep keys.

    \b
      tos ota keygen release.pem
      tos ota pack kettle --board ESP32_GENERIC --sequence 1 --key release.pem --out kettle-1.tosb
      tos ota pack kettle --board ESP32_GENERIC --base kettle-1.tosb --key release.pem --out kettle-2.tosb
      tos ota inspect kettle-2.tosb
    """


@command.command("keygen", short_help="A new key to sign with.")
@click.argument("key", type=_NEW)
@_PASSPHRASE
@click.option("--no-passphrase", is_flag=True, help="The file alone will be enough to sign.")
@_JSON
def keygen(key: Path, passphrase_file: Path | None, no_passphrase: bool, as_json: bool) -> None:
    """Write a new private key to KEY, a .pem file, and the public key beside it, .pub.pem, for devices.

    The passphrase is asked for and guards the file. Who has both can update your devices: keep them apart.

    \b
      tos ota keygen release.pem
    """
    from ..errors import UsageFault
    from ..ota import keys
    from ..paths import shown

    if no_passphrase and passphrase_file:
        raise UsageFault("either a passphrase or none")
    public, kid = keys.generate(key, None if no_passphrase else _passphrase(key, passphrase_file, confirm=True)())
    if as_json:
        click.echo(json.dumps({"private": str(key), "public": str(public), "kid": kid.hex()}, indent=2))
    else:
        click.echo(f"{shown(key)}: the private key; keep it offline, and a copy of it elsewhere")
        click.echo(f"{shown(public)}: the public key {kid.hex()}, for devices and for `tos ota verify`")


@command.command("pack", short_help="A build, as a bundle.")
@click.argument("app", shell_complete=complete.app)
@click.option("--board", required=True, metavar="NAME", shell_complete=complete.board, help="boards/NAME.")
@click.option("--out", type=_NEW, required=True, help="The bundle, .tosb.")
@click.option("--sequence", type=click.IntRange(1, (1 << 30) - 1), help="[default: one more than the base's]")
@click.option("--floor", type=click.IntRange(0), help="Devices then take nothing below. [default: the base's, or 0]")
@click.option("--label", help="The version, as people call it. [default: the sequence]")
@click.option("--base", type=_FILE, help="Another release's full bundle: makes a delta to it, if that is smaller.")
@click.option("--key", type=_FILE, help="Sign it with this private key.")
@click.option("--new-key", type=(click.IntRange(0, 1), _FILE), metavar="SLOT PUB", help="Gives devices one more key.")
@click.option("--revoke", type=click.IntRange(0, 1), metavar="SLOT", help="Takes a key from devices.")
@_PASSPHRASE
@_JSON
def pack(
    app: str,
    board: str,
    out: Path,
    sequence: int | None,
    floor: int | None,
    label: str | None,
    base: Path | None,
    key: Path | None,
    new_key: tuple[int, Path] | None,
    revoke: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Build APP for a board and make a bundle of it. The same sources and key give the same bytes.

    A device takes a bundle whose sequence is higher than that of what runs. Once it has confirmed it, it takes nothing
    below --floor. Only one key slot can change at a time, and never the one of the key that signs.

    \b
      tos ota pack kettle --board ESP32_GENERIC --sequence 1 --key release.pem --out kettle-1.tosb
      tos ota pack kettle --board ESP32_GENERIC --base kettle-1.tosb --key release.pem --out kettle-2.tosb
    """
    from ..build import build
    from ..errors import UsageFault
    from ..ota import bundle as bundles
    from ..ota import keys
    from ..ota import pack as packing

    if new_key and revoke is not None:
        raise UsageFault("--new-key and --revoke are for two bundles: one slot changes at a time")
    old = bundles.loads(base.read_bytes()) if base else None
    if sequence is None:
        if old is None:
            raise UsageFault("say which --sequence it has, or which --base it comes after")
        sequence = old.sequence + 1
    if old and sequence <= old.sequence:
        raise UsageFault(f"--sequence {sequence} is not above {old.sequence}, the base's")
    floor = floor if floor is not None else old.floor if old else 0
    if floor > sequence:
        raise UsageFault(f"--floor {floor} is above the bundle's own sequence, {sequence}")
    label = str(sequence) if label is None else label
    if len(label.encode()) > 32 or not label.isprintable():
        raise UsageFault("--label: at most 32 bytes that can be shown")
    change: dict[int, bytes | None] = {}
    if new_key:
        change = {new_key[0]: keys.load_public(new_key[1])}
    elif revoke is not None:
        change = {revoke: None}
    signer = _private(key, passphrase_file) if key else None
    product = packing.product(app)
    common = packing.base_of(old, product, board) if old else None

    _say(f"building {app} for {board} ...")
    report = build(app, board)
    report.check_budget()
    if common:
        _say("looking for what it has in common with the base ...")
    part = packing.app_part(packing.contents(report.out), common)
    bundle = bundles.Bundle(product, (report.board.name,), sequence, floor, (part,), label, change)
    if signer:
        bundle = bundles.sign(bundle, signer)
    _write(out, bundle)
    _show(out, bundle, as_json)


@command.command("sign", short_help="Sign a bundle.")
@click.argument("bundle", type=_FILE)
@click.option("--key", type=_FILE, required=True, help="The private key.")
@_PASSPHRASE
@_JSON
def sign(bundle: Path, key: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Sign BUNDLE, in its place, on a machine that has nothing but the bundle and the key.

    A signature that it has already is replaced. `tos ota inspect` shows before what you would sign.

    \b
      tos ota sign kettle-2.tosb --key release.pem
    """
    from ..ota import bundle as bundles

    content = bundles.loads(bundle.read_bytes())
    signed = bundles.sign(content, _private(key, passphrase_file))
    _write(bundle, signed)
    _show(bundle, signed, as_json)


@command.command("verify", short_help="Is it signed with this key, and whole?")
@click.argument("bundle", type=_FILE)
@click.option("--key", "public", type=_FILE, required=True, help="The public key, .pub.pem.")
@_JSON
def verify(bundle: Path, public: Path, as_json: bool) -> None:
    """Check BUNDLE's signature and each block of its parts. Exits 1 when anything is wrong.

    \b
      tos ota verify kettle-2.tosb --key release.pub.pem
    """
    from ..ota import bundle as bundles
    from ..ota import keys

    content = bundles.loads(bundle.read_bytes())
    bundles.verify(content, keys.load_public(public))
    if as_json:
        click.echo(json.dumps({"verified": True, "kid": content.kid.hex(), "sequence": content.sequence}, indent=2))
    else:
        click.echo(f"good: {content.product} {content.version}, sequence {content.sequence}, key {content.kid.hex()}")


@command.command("inspect", short_help="What is in a bundle.")
@click.argument("bundle", type=_FILE)
@_JSON
def inspect(bundle: Path, as_json: bool) -> None:
    """Show BUNDLE: for which devices it is, what it weighs, each of its files. Its blocks are checked, its signature is
    not: that is `tos ota verify`.

    \b
      tos ota inspect kettle-2.tosb
    """
    from ..ota import bundle as bundles

    _show(bundle, bundles.loads(bundle.read_bytes()), as_json, files=True)


def _say(text: str) -> None:
    """Progress, for whoever looks at it."""
    click.echo(text, err=True)


def _passphrase(key: Path, file: Path | None, confirm: bool = False) -> Callable[[], bytes]:
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


def _private(key: Path, passphrase_file: Path | None) -> "EllipticCurvePrivateKey":
    from ..ota import keys

    return keys.load_private(key, _passphrase(key, passphrase_file))


def _write(path: Path, bundle: "Bundle") -> None:
    """All of it or nothing."""
    from ..errors import HostError
    from ..paths import shown

    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(bundle.dumps())
        scratch.replace(path)
    except OSError as e:
        raise HostError(f"{shown(path)}: {e.strerror}") from None


def _show(path: Path, bundle: "Bundle", as_json: bool, files: bool = False) -> None:
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
