"""Looks for secrets in what programs have written, in every form in which one gets there by accident."""

import base64
import json
import re
import urllib.parse

# On a device's console, and by `tos sim`.
BY_DESIGN = re.compile(rb"^(Pairing code: \S+|Access point: .+ key \S+)\r?\n", re.MULTILINE)
KEPT = re.compile(r"(/peers/[^/]*\.json(\.new)?|/flash\.bin)$")  # where keys are kept, here and on the device


def forms(secret):
    """{form: bytes to look for}"""
    found = {
        "raw": secret,
        "hex": secret.hex().encode(),
        "HEX": secret.hex().upper().encode(),
        "spaced hex": secret.hex(" ").encode(),
        "base32": base64.b32encode(secret).rstrip(b"="),
        "repr": repr(secret)[2:-1].encode(),
        "all escaped": "".join(f"\\x{byte:02x}" for byte in secret).encode(),
        "json": json.dumps(secret.decode("latin-1"))[1:-1].encode(),
        "list": ", ".join(map(str, secret)).encode(),
        "dense list": ",".join(map(str, secret)).encode(),
        "url": urllib.parse.quote(secret, safe="").encode(),
        "utf-8": secret.decode("latin-1").encode(),
    }
    for shift in range(3):  # within something longer
        whole = base64.b64encode(bytes(shift) + secret)
        inner = whole[(0, 2, 3)[shift] : (len(secret) + shift) * 8 // 6]
        found[f"base64 at {shift}"] = inner
        found[f"url base64 at {shift}"] = inner.replace(b"+", b"-").replace(b"/", b"_")
    return found


class Evidence:
    """What was written, by sink. secrets: {name: bytes}; texts: {name: text}, such as a pairing code's groups."""

    def __init__(self, secrets, texts):
        self.sinks = {}
        self._wanted = {f"{name} as {form}": data for name, it in secrets.items() for form, data in forms(it).items()}
        for name, text in texts.items():
            self._wanted[f"{name} as text"] = text.encode()

    def files(self, folder):
        for file in folder.rglob("*"):
            if file.is_file() and not KEPT.search(str(file)):
                data = file.read_bytes()
                is_console = file.name.startswith(("console.log", "sim-"))
                self.sinks[str(file.relative_to(folder))] = BY_DESIGN.sub(b"", data) if is_console else data

    def output(self, name, data):
        """Of a program; `tos sim` passes a console on."""
        self.sinks[name] = BY_DESIGN.sub(b"", data)

    def answer(self, response):
        """What came by HTTP, and what it was asked by, but for the body that a person sent."""
        headers = "\n".join(f"{key}: {value}" for key, value in response.headers.multi_items())
        name = f"{response.request.method} {response.request.url}"
        self.sinks[name] = f"{name}\n{headers}\n\n".encode() + response.content

    def leaks(self):
        """["sink: secret as form"]"""
        found = []
        for sink, data in self.sinks.items():
            plain = data.lower().replace(b"-", b"").replace(b" ", b"")
            for name, secret in self._wanted.items():
                if secret in data or (name.endswith("text") and secret.lower().replace(b"-", b"") in plain):
                    found.append(f"{sink}: {name}")
        return found
