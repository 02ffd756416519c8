"""Talking to devices over the link (docs/protocol.md), with aiocoap and cbor2: no code here is shared with a device."""

import os

# Where aiocoap lets ports be shared, Linux gives one that is in use to who wants any, and one of the two hears nothing.
os.environ.setdefault("AIOCOAP_REUSE_PORT", "0")
