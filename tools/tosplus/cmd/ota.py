"""`tos ota`: bundles of updates. Keys, packing, signing, and what is in one; fleet.py brings them to devices."""

import json
from pathlib import Path

import click

from . import bundle_file as file
from . import complete, fleet, options
from .options import FILE

_NEW = click.Path(path_type=Path, dir_okay=False)
_PASSPHRASE = click.option(
    "--passphrase-file", type=FILE, help="Its first line is the passphrase, for scripts. [default: it is asked for]"
)


@click.group("ota", short_help="Updates: keys, bundles, rollouts.")
def command() -> None:
    """Updates: make a bundle, sign it, see what is in it, bring it to devices. docs/updates.md has the format, and how
    to keep keys.

    \b
      tos ota keygen release.pem
      tos ota pack kettle --board ESP32_GENERIC --sequence 1 --key release.pem --out kettle-1.tosb
      tos ota pack kettle --board ESP32_GENERIC --base kettle-1.tosb --key release.pem --out kettle-2.tosb
      tos ota inspect kettle-2.tosb
      tos ota push kettle-2.tosb kettle              one device
      tos ota rollout kettle-2.tosb                  all devices of a hub, in waves
    """


@command.command("keygen", short_help="A new key to sign with.")
@click.argument("key", type=_NEW)
@_PASSPHRASE
@click.option("--no-passphrase", is_flag=True, help="The file alone will be enough to sign.")
@options.as_json
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
    public, kid = keys.generate(key, None if no_passphrase else file.passphrase(key, passphrase_file, confirm=True)())
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
@click.option("--base", type=FILE, help="Another release's full bundle: makes a delta to it, if that is smaller.")
@click.option("--firmware", type=FILE, help="The chip's firmware besides, for boards with two slots for it.")
@click.option("--frozen", is_flag=True, help="For firmware of our own, which has the core: the app alone, as a ROMFS.")
@click.option("--key", type=FILE, help="Sign it with this private key.")
@click.option("--new-key", type=(click.IntRange(0, 1), FILE), metavar="SLOT PUB", help="Gives devices one more key.")
@click.option("--revoke", type=click.IntRange(0, 1), metavar="SLOT", help="Takes a key from devices.")
@_PASSPHRASE
@options.as_json
def pack(
    app: str,
    board: str,
    out: Path,
    sequence: int | None,
    floor: int | None,
    label: str | None,
    base: Path | None,
    firmware: Path | None,
    frozen: bool,
    key: Path | None,
    new_key: tuple[int, Path] | None,
    revoke: int | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Build APP for a board and make a bundle of it. The same sources and key give the same bytes.

    A device takes a bundle whose sequence is higher than that of what runs. Once it has confirmed it, it takes nothing
    below --floor. Only one key slot can change at a time, and never the one of the key that signs.

    With --firmware it takes the app and the chip's firmware, or neither: MicroPython's application image, alone or from
    the file of a whole flash, as it is published. With --frozen the app is for devices that were built with it too: it
    goes into the partition romfs, and runs from there.

    \b
      tos ota pack kettle --board ESP32_GENERIC --sequence 1 --key release.pem --out kettle-1.tosb
      tos ota pack kettle --board ESP32_GENERIC --base kettle-1.tosb --key release.pem --out kettle-2.tosb
    """
    from ..build.product import build
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
    _check(label)
    change: dict[int, bytes | None] = {}
    if new_key:
        change = {new_key[0]: keys.load_public(new_key[1])}
    elif revoke is not None:
        change = {revoke: None}
    signer = file.private(key, passphrase_file) if key else None
    product = packing.product(app)
    parts = []
    if firmware:
        from ..build import board as boards
        from ..build.firmware import application

        parts = [packing.firmware_part(application(firmware, boards.load(board)))]
    common = packing.base_of(old, product, board) if old else None

    _say(f"building {app} for {board} ...")
    report = build(app, board, frozen=frozen)
    report.check_budget()
    if common:
        _say("looking for what it has in common with the base ...")
    files = packing.contents(report.out)
    parts = [packing.app_part(packing.image(files, report.board) if frozen else files, common), *parts]
    bundle = bundles.Bundle(product, (report.board.name,), sequence, floor, tuple(parts), label, change)
    if signer:
        bundle = bundles.sign(bundle, signer)
    file.write(out, bundle)
    file.show(out, bundle, as_json)


@command.command("sign", short_help="Sign a bundle.")
@click.argument("bundle", type=FILE)
@click.option("--key", type=FILE, required=True, help="The private key.")
@_PASSPHRASE
@options.as_json
def sign(bundle: Path, key: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Sign BUNDLE, in its place, on a machine that has nothing but the bundle and the key.

    A signature that it has already is replaced. `tos ota inspect` shows before what you would sign.

    \b
      tos ota sign kettle-2.tosb --key release.pem
    """
    from ..ota import bundle as bundles

    content = bundles.loads(bundle.read_bytes())
    signed = bundles.sign(content, file.private(key, passphrase_file))
    file.write(bundle, signed)
    file.show(bundle, signed, as_json)


@command.command("rollback", short_help="An old release, as a new bundle.")
@click.argument("old", type=FILE)
@click.option("--above", type=FILE, required=True, help="The bundle of the release that devices are to leave.")
@click.option("--out", type=_NEW, required=True, help="The new bundle, .tosb.")
@click.option("--sequence", type=click.IntRange(1, (1 << 30) - 1), help="[default: one more than --above has]")
@click.option("--label", help='The version, as people call it. [default: the old one\'s, and "again"]')
@click.option("--key", type=FILE, help="Sign it with this private key.")
@_PASSPHRASE
@options.as_json
def rollback(
    old: Path,
    above: Path,
    out: Path,
    sequence: int | None,
    label: str | None,
    key: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Publish the content of OLD, a full bundle, once more: with a sequence above that of the release which is to go.

    Devices go forward only, so that nobody can bring back an old hole. This is how their maker goes back all the same.
    Nothing happens to a device yet: push or roll out what this makes. The floor stays as --above has it.

    \b
      tos ota rollback kettle-1.tosb --above kettle-2.tosb --key release.pem --out kettle-3.tosb
      tos ota rollout kettle-3.tosb --waves 100%
    """
    from ..ota import bundle as bundles
    from ..ota import pack as packing

    if label is not None:
        _check(label)
    signer = file.private(key, passphrase_file) if key else None
    made = packing.again(bundles.loads(old.read_bytes()), bundles.loads(above.read_bytes()), sequence, label)
    if signer:
        made = bundles.sign(made, signer)
    file.write(out, made)
    file.show(out, made, as_json)


@command.command("verify", short_help="Is it signed with this key, and whole?")
@click.argument("bundle", type=FILE)
@click.option("--key", "public", type=FILE, required=True, help="The public key, .pub.pem.")
@options.as_json
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
@click.argument("bundle", type=FILE)
@options.as_json
def inspect(bundle: Path, as_json: bool) -> None:
    """Show BUNDLE: for which devices it is, what it weighs, each of its files. Its blocks are checked, its signature is
    not: that is `tos ota verify`.

    \b
      tos ota inspect kettle-2.tosb
    """
    from ..ota import bundle as bundles

    file.show(bundle, bundles.loads(bundle.read_bytes()), as_json, files=True)


def _check(label: str) -> None:
    from ..errors import UsageFault
    from ..ota.pack import LABEL_B

    if len(label.encode()) > LABEL_B or not label.isprintable():
        raise UsageFault(f"--label: at most {LABEL_B} bytes that can be shown")


def _say(text: str) -> None:
    """Progress, for whoever looks at it."""
    click.echo(text, err=True)


for _command in fleet.COMMANDS:
    command.add_command(_command)
