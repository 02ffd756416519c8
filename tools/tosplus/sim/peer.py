"""A peer for a simulated device, put in by hand as pairing would."""

from ..link.oscore import Context
from ..link.pair import ROLES
from .device import Device


async def put_in(
    device: Device, name: str, context: Context, role: str = "owner", paths: tuple[str, ...] = ()
) -> None:
    """context: from the peer's side. paths: of a peer of that role.

    A key is put in once: one that was removed must not come back.
    """
    hex = {
        "secret": context.secret,
        "salt": context.salt,
        "sender_id": context.recipient,
        "recipient_id": context.sender,
        "id_context": context.id_context,
    }
    given = {key: value.hex() for key, value in hex.items() if value is not None}
    await device.control("peer", 5, name=name, role=ROLES[role], paths=paths, **given)
