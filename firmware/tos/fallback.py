"""The device's own access point, for as long as it is needed and allowed, see docs/provisioning.md. MicroPython.

Loaded by wifi.py while there is one.
"""

from micropython import const
from tos.portal import Portal

_AP_OPEN = const(223)
_AP_CLOSED = const(224)
_AP_FAILED = const(418)

_LOOK_MS = const(1000)
_FAREWELL_MS = const(20000)  # on the new network: the phone is to see that it has worked
_RETRY_MS = const(60000)
_MODEL = const(20)  # letters, so that a name has 32 B at most


def ssid(app):
    """What the access point is called: TOS+ kettle-c0ffee"""
    return "TOS+ %s-%s" % (app.name[:_MODEL], app.board.uid.hex()[-6:])


async def serve(app, machine):
    """Until the device is on a network, or may take none any more. Open for a device without an owner; else WPA2, with
    a key that who has the pairing code can know."""
    paired = machine.is_paired()
    key = app.pairing.access_point_key() if paired and app.pairing else None
    if paired and key is None:
        app.log.event(_AP_FAILED)
        await app.clock.sleep_ms(_RETRY_MS)
        return
    radio = app.board.radio
    portal = Portal(app, machine)
    try:
        await portal.open(radio.access_point(ssid(app), key))
        app.log.event(_AP_OPEN, int(paired))
        print("Access point:", ssid(app), "key " + key if key else "open")
        while machine.is_open() and machine.is_paired() == paired and not _is_done(app, machine.net):
            await app.clock.sleep_ms(_LOOK_MS)
        app.log.event(_AP_CLOSED)
        return
    except OSError as e:
        app.log.event(_AP_FAILED, e.errno or 0)
    finally:
        radio.end_access_point()
        await portal.close()
    await app.clock.sleep_ms(_RETRY_MS)


def _is_done(app, net):
    return net.joined and app.clock.ms() - net.since_ms >= _FAREWELL_MS
