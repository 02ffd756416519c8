"""How the Wi-Fi of an ESP32 finds and joins a network, or is one. Lent by radio.py. ESP32 only."""

import errno

import network
from micropython import const
from tos import ports
from tos.ports.esp32.radio import rssi_dbm

_POLL_MS = const(100)
_PAUSE_MS = const(300)  # the driver ends an attempt by an event, a moment after it was told to
_ATTEMPT_MS = const(5000)  # unless it is associated by then; a scan takes 2.5 s
_GUESTS = const(4)
_LINGER_MS = const(5000)  # as long as a handshake lasts, a wrong password looks associated too

_GOT_IP = network.STAT_GOT_IP
_WAITING = (network.STAT_IDLE, network.STAT_CONNECTING)

# wifi_err_reason_t of ESP-IDF. status() passes all of them through; network has names for some.
_VERDICTS = {
    15: ports.JOIN_WRONG_PASSWORD,  # 4WAY_HANDSHAKE_TIMEOUT, what WPA2 answers to a wrong password
    18: ports.JOIN_SECURITY,  # GROUP_CIPHER_INVALID
    19: ports.JOIN_SECURITY,  # PAIRWISE_CIPHER_INVALID
    20: ports.JOIN_SECURITY,  # AKMP_INVALID
    23: ports.JOIN_SECURITY,  # 802_1X_AUTH_FAILED
    24: ports.JOIN_SECURITY,  # CIPHER_SUITE_REJECTED
    29: ports.JOIN_SECURITY,  # BAD_CIPHER_OR_AKM
    200: ports.JOIN_NOT_FOUND,  # BEACON_TIMEOUT
    201: ports.JOIN_NOT_FOUND,  # NO_AP_FOUND
    202: ports.JOIN_WRONG_PASSWORD,  # AUTH_FAIL, to which MicroPython adds 205 CONNECTION_FAIL
    204: ports.JOIN_WRONG_PASSWORD,  # HANDSHAKE_TIMEOUT
    210: ports.JOIN_SECURITY,  # NO_AP_FOUND_W_COMPATIBLE_SECURITY
    211: ports.JOIN_SECURITY,  # NO_AP_FOUND_IN_AUTHMODE_THRESHOLD
    212: ports.JOIN_NOT_FOUND,  # NO_AP_FOUND_IN_RSSI_THRESHOLD
}


def scan(wlan):
    """See Radio.scan."""
    found = []
    for name, bssid, _, dbm, security, _ in wlan.scan():
        try:
            ssid = str(name, "utf-8")
        except UnicodeError:
            continue
        if ssid:
            found.append((ssid, dbm, security != network.WLAN.SEC_OPEN, bssid))
    return found


async def join(wlan, clock, ssid, password, timeout_ms, bssid):
    """See Radio.join. A failure is believed when it has been seen twice: a busy access point may answer like a wrong
    password."""
    if not 0 < len(ssid.encode()) <= 32 or len(password.encode()) > 64:
        raise ValueError(ssid)
    end = clock.ms() + timeout_ms
    reason = ports.JOIN_TIMEOUT
    seen = []
    while clock.ms() < end:
        verdict = await _attempt(wlan, clock, ssid, password, bssid, end)
        if verdict == ports.JOIN_OK:
            return verdict
        if verdict == ports.JOIN_SECURITY and 0 < len(password) < 8:
            verdict = ports.JOIN_WRONG_PASSWORD  # too short for any WPA network
        if verdict == ports.JOIN_NOT_FOUND and reason in (ports.JOIN_WRONG_PASSWORD, ports.JOIN_SECURITY):
            continue  # it was there a moment ago; some fall silent after a refusal
        if verdict is not None:
            reason = verdict
            if verdict in seen:
                break
            seen.append(verdict)
    wlan.disconnect()
    return reason


async def _attempt(wlan, clock, ssid, password, bssid, end):
    """One association -> JOIN_*, or None if it ended without a verdict."""
    wlan.disconnect()
    await clock.sleep_ms(_PAUSE_MS)
    before = wlan.status()
    if before == _GOT_IP:  # not yet left
        return None
    try:
        wlan.config(reconnects=0)  # else the driver tries again and again, and status() stays at CONNECTING
        wlan.connect(ssid, password, bssid=bssid)
    except (OSError, RuntimeError):  # still busy with an earlier attempt
        return None
    began = clock.ms()
    linked = None
    fresh = False
    while True:
        await clock.sleep_ms(_POLL_MS)
        now = clock.ms()
        status = wlan.status()
        if status == _GOT_IP:
            return ports.JOIN_OK
        if rssi_dbm(wlan) is None:
            linked = None
        elif linked is None:
            linked = now
        late = linked is None and now - began >= _ATTEMPT_MS
        # The code of the attempt before may stay until this one ends. If this one ends alike, only time tells.
        fresh = fresh or status != before
        if status not in _WAITING and (fresh or late):
            return _VERDICTS.get(status)
        if late or now >= end:
            waited = linked is not None and now - linked >= _LINGER_MS
            return ports.JOIN_NO_ADDRESS if waited else None


def access_point(ssid, key):
    """See Radio.access_point."""
    wlan = network.WLAN(network.WLAN.IF_AP)
    security = network.WLAN.SEC_WPA2 if key else network.WLAN.SEC_OPEN
    wlan.active(True)  # ESP-IDF takes the settings of an interface only while it is there
    try:
        wlan.config(ssid=ssid, security=security, key=key or "", max_clients=_GUESTS)
        if wlan.config("security") != security:
            raise OSError(errno.EIO)
    except (OSError, RuntimeError):
        wlan.active(False)
        raise OSError(errno.EIO)
    return wlan.ipconfig("addr4")[0]
