"""Talking to devices over the link (docs/protocol.md), with aiocoap and cbor2: no code here is shared with a device."""
