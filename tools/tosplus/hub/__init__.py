"""The hub: devices report to it by CoAP, people see and switch them in a browser, and it remembers (docs/hub.md)."""
