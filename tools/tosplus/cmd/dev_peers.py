"""`tos dev peers`, `revoke` and `access-point`: who may speak to a device, and how one gets there without a network."""

import asyncio
import json

import click

from . import options, reach


@click.command("peers", short_help="Who is paired with it, and as what.")
@reach.device
@options.as_json
def peers(device: str, as_json: bool) -> None:
    """Who is paired with a device, and as what. Its owner may ask that."""
    asyncio.run(_peers(device, as_json))


async def _peers(device: str, as_json: bool) -> None:
    async with reach.client(device) as client:
        open_ms, found = await client.peers()
    if as_json:
        rows = [{"name": peer.name, "role": peer.role, "paths": peer.paths} for peer in found]
        click.echo(json.dumps({"open_ms": open_ms, "peers": rows}, ensure_ascii=False, indent=2))
        return
    for peer in found:
        click.echo(f"{peer.name:24}{peer.role:16}{', '.join(peer.paths)}".rstrip())
    if open_ms:
        click.echo(f"It takes others for {open_ms / 1000:.0f} s more.", err=True)


@click.command("revoke", short_help="Forget a peer of a device.")
@reach.device
@click.argument("peer")
def revoke(device: str, peer: str) -> None:
    """Forget a peer of a device: what it asks is refused from now on. PEER is a name of `tos dev peers`.

    Who revokes the last owner leaves the device to the next one who has its code.
    """
    asyncio.run(_revoke(device, peer))


async def _revoke(device: str, peer: str) -> None:
    async with reach.client(device) as client:
        id = (await client.identity()).id
        await client.revoke(peer)
    ours = reach.store().get(id)
    if not reach.has_context() and ours and ours.name == peer:
        reach.store().drop(id)


@click.command("access-point", short_help="Name and key of its own access point.")
@options.as_json
def access_point(as_json: bool) -> None:
    """Name and key of the access point that a device with an owner opens when its button is pressed.

    Its pairing code is asked for, or taken from the input; it is no argument, and goes nowhere. docs/provisioning.md
    says when there is such an access point.
    """
    from ..link import pairing_code

    point = pairing_code.access_point(pairing_code.parse(click.prompt("Pairing code", err=True)))
    click.echo(json.dumps(point._asdict()) if as_json else f"{point.ssid}\n{point.key}")
