"""Three updates as a maker makes them, packed and signed: a one-line fix, a new resource, a minor release.

The first two change today's kettle. The release is from 106717d, when a device first spoke OSCORE, to 533ed9e, when it
paired and its peers had roles: 30 commits, both as `tos build kettle --board ESP32_GENERIC` made them, in releases.zip.
"""

import tempfile
import zipfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from tosplus.build.product import build
from tosplus.ota import bundle, pack
from tosplus.paths import FIRMWARE

ROOT = Path(__file__).parents[2]
RELEASES = ROOT / "tests/vectors/releases.zip"
KEY = ec.derive_private_key(0x5EED << 220 | 9, ec.SECP256R1())
KETTLE = (FIRMWARE / "apps/kettle.py").read_text()
FIX = KETTLE.replace("read_mv() // 10", "read_mv() // 10 - 1")
RESOURCE = KETTLE + """

@app.write("keep_warm", type="number", unit="Cel", initial=0, minimum=0, maximum=90)
def keep_warm(dev, degrees):
    pass


@app.when("temp", below=60)
def cooled(dev, value):
    if app.get("keep_warm") > value:
        app.set("power", True)
"""


def built(source):
    """{path: content} of a slot with this kettle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kettle.py")
        path.write_text(source)
        return pack.contents(build(str(path), "ESP32_GENERIC", Path(folder, "tree")).out)


def released(commit):
    with zipfile.ZipFile(RELEASES) as archive:
        names = sorted(name for name in archive.namelist() if name.startswith(f"{commit}/"))
        return {name.partition("/")[2]: archive.read(name) for name in names}


def bundled(files, sequence, base=None):
    part = pack.app_part(files, base)
    return bundle.sign(bundle.Bundle("kettle", ("ESP32_GENERIC",), sequence, 0, (part,), f"1.{sequence}"), KEY)


def examples():
    """{name: (the old release's full bundle, the new one's, the delta's)}"""
    today = built(KETTLE)
    assert FIX != KETTLE
    found = {}
    for name, old, new in (
        ("fix", today, built(FIX)),
        ("resource", today, built(RESOURCE)),
        ("release", released("106717d"), released("533ed9e")),
    ):
        full = bundled(old, 1)
        found[name] = full, bundled(new, 2), bundled(new, 2, full.parts[0])
    return found
