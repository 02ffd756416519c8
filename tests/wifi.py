"""Wi-Fi networks around a simulated device, and how it refuses to join one."""

from soon import soon
from tosplus.link.client import Client

WIDE_SSID = "\u2615" * 10 + "ab"  # 32 B
WIDE_PASSWORD = "\x03\x04 \"'\\\n\r\x00\U0001f511" + "x" * 50  # 63 B
AROUND = (
    {"ssid": "home", "password": "right one", "rssi_dbm": -50},
    {"ssid": "cafe", "password": None, "rssi_dbm": -40},
    {"ssid": "attic", "password": "under the roof", "rssi_dbm": -60, "hidden": True},
    {"ssid": WIDE_SSID, "password": WIDE_PASSWORD, "rssi_dbm": -70},
    {"ssid": "broken", "password": "whatever", "rssi_dbm": -80, "fault": "no address"},
)
WORK = (("home", "right one"), ("cafe", ""), ("attic", "under the roof"), (WIDE_SSID, WIDE_PASSWORD))

_REFUSED = 381
NOT_FOUND, WRONG_PASSWORD, SECURITY, NO_ADDRESS = 1, 2, 3, 4
DO_NOT_WORK = (
    ("home", "wrong one", WRONG_PASSWORD),
    ("nowhere", "right one", NOT_FOUND),
    ("home", "", SECURITY),
    ("broken", "whatever", NO_ADDRESS),
)


async def told(device):
    """(state, the networks that are kept, reasons of refusals in the log), by the link."""
    async with Client(*device.link) as client:
        found = await client.read("n")
        return found[0], found[1], [line.a for line in (await client.log()).ring if line.code == _REFUSED]


async def joined(device, ssid):
    """It is on this network, and knows no other."""

    async def is_there():
        return (await told(device))[:2] == (3, [ssid])

    await soon(is_there)
