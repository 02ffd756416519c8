"""lib/toscore and firmware/tos as mip packages: the real mpremote installs them from a plain HTTP server."""

import asyncio
import http.server
import json
import subprocess
import threading
from importlib.metadata import version
from pathlib import Path

import peers
import pytest
from tosplus.sim.device import Device

ROOT = Path(__file__).parents[2]
PACKAGES = {"toscore": ROOT / "lib/toscore", "tos": ROOT / "firmware/tos"}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_is_all_of_its_folder_that_runs_on_a_chip(name):
    folder = PACKAGES[name]
    package = json.loads((folder / "package.json").read_text())
    files = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.py"))]
    assert package["urls"] == [[f"{name}/{file}", file] for file in files if not file.startswith("ports/unix/")]
    assert package["version"] == version("tosplus")


@pytest.fixture
def server():
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(ROOT))

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_mpremote_installs_them_and_what_it_installed_runs(tmp_path, server):
    async def mpremote(device, *arguments):
        command = [peers.need("mpremote"), "connect", device.tty, "resume", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, stdin=subprocess.DEVNULL, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.decode().replace("\r\n", "\n")

    async def main():
        async with Device("lamp", state_dir=tmp_path / "lamp") as device:
            await device.ready()
            await mpremote(device, "soft-reset")  # to the raw REPL, where the app does not run
            urls = [f"{server}/{folder.relative_to(ROOT)}/package.json" for folder in PACKAGES.values()]
            await mpremote(device, "mip", "install", "--target", "fresh", *urls)
            code = "import sys; sys.path[:] = ['fresh', '.frozen']; sys.modules.clear(); "  # its own are loaded already
            code += "import tos.app, toscore.cbor_viper as c; "
            code += "print(tos.app.__file__, c.__file__, c.loads(b'\\x83\\x01\\x02\\x03'), tos.App('x').name)"
            return await mpremote(device, "exec", code)

    seen = asyncio.run(main())
    assert seen == "fresh/tos/app.py fresh/toscore/cbor_viper.py [1, 2, 3] x\n"
