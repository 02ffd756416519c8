"""What the captive portal shows, piece by piece. It has no script, and works in the small browsers of phones.
MicroPython.
"""

from micropython import const
from tos import provision

FORM_TYPE = "Content-Type: text/html; charset=utf-8\r\n"

_MOST = const(16)  # networks
_GOOD_DBM = const(-67)
_FAIR_DBM = const(-80)

_TOP = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">%s
<meta name="viewport" content="width=device-width,initial-scale=1"><title>%s</title><style>
body{font:1.1em/1.5 system-ui,sans-serif;max-width:26em;margin:auto;padding:1em;color:#111;background:#fff}
label{display:block;padding:.4em 0}input[type=text],input[type=password]{width:100%%;box-sizing:border-box}
input,button{font:inherit;padding:.4em}button{width:100%%;margin-top:1em}small{color:#555}
fieldset{border:1px solid #888;border-radius:.4em}[role=alert]{border-left:.3em solid #b00;padding-left:.6em}
</style></head><body><h1>%s</h1>
"""
_FORM = """<form method="post" action="/"><input type="hidden" name="token" value="%s">
<fieldset><legend>Which Wi-Fi is it to use?</legend>
"""
_ROW = '<label><input type="radio" name="ssid" value="%s"%s> %s <small>%s</small></label>\n'
_BOTTOM = """<label>Another one, or one that hides<input type="text" name="other" maxlength="32" value="%s"
autocapitalize="none" autocorrect="off" spellcheck="false"></label></fieldset>
<label>Password<input type="password" name="password" maxlength="64" autocomplete="off"></label>
<button>Connect</button></form><p><a href="/again">Look for networks again</a></p>
"""
_TRYING = """<p role="status">It tries <b>%s</b>. That takes up to 20 seconds.</p>
<p>If your phone leaves this network meanwhile, join it again to see what came of it.</p>
"""
_DONE = """<p role="status">It works: %s is on <b>%s</b> now.</p>
<p>This network ends in a moment. Go back to your own.</p>
"""
_REFUSED = '<p role="alert"><b>%s</b>: %s.</p>\n'

_REASONS = {
    1: "there is no such network here. Is the name spelled exactly so? This device hears 2.4 GHz only",
    2: "the password is wrong",
    3: "it wants another kind of security, or a password that was not given",
    4: "its router gives no address",
    5: "its router does not answer. Bring the device nearer, or restart the router",
    provision.NOT_KEPT: "it works, but cannot be stored: the device's memory is full or worn",
}


def page(name, token, networks, ssid, state, verdict):
    """Yields text. networks: as Net.heard() has them. ssid: what was tried last, or ""."""
    name = escape(name)
    trying = state == provision.PROVISIONING
    yield _TOP % ('<meta http-equiv="refresh" content="2">' if trying else "", name, name)
    if trying:
        yield _TRYING % escape(ssid)
    elif ssid and state == provision.PROVISIONED:
        yield _DONE % (name, escape(ssid))
    else:
        if ssid and verdict in _REASONS:
            yield _REFUSED % (escape(ssid), _REASONS[verdict])
        yield _FORM % token
        heard = networks[:_MOST]
        for row in heard:
            signal = "good" if row[1] >= _GOOD_DBM else "fair" if row[1] >= _FAIR_DBM else "weak"
            shown = escape(row[0])
            checked = " checked" if row[0] == ssid else ""
            yield _ROW % (shown, checked, shown, signal if row[2] else signal + ", open")
        typed = ssid and ssid not in [row[0] for row in heard]
        yield _BOTTOM % (escape(ssid) if typed else "")
    yield "</body></html>\n"


def escape(text):
    """A network may have any name."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
