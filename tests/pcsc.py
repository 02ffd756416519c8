"""pcscd with a virtual reader, for one test at a time on this machine."""

import asyncio
import contextlib
import fcntl
import socket
import subprocess
import tempfile
from pathlib import Path

import peers
from tosplus import ports


def _free_port():
    """vpcd takes two, one behind the other."""
    while not ports.is_free((port := ports.free(socket.SOCK_STREAM)) + 1, socket.SOCK_STREAM):
        pass
    return port


@contextlib.asynccontextmanager
async def reader():
    """-> (port of vpcd, what makes a command root's, the command of a Python that has pyscard and emv).

    Skips the test where there is no pcscd."""
    root, python = peers.need_smartcards()
    subprocess.run([*root, "mkdir", "-p", "/run/pcscd"], check=True)
    with open(Path(tempfile.gettempdir(), "tos-pcscd.lock"), "w") as lock, tempfile.TemporaryDirectory() as folder:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        port = _free_port()
        Path(folder, "vpcd").write_text(
            f'FRIENDLYNAME "TOS+"\nDEVICENAME /dev/null:{port:#x}\nLIBPATH {peers.VPCD}\nCHANNELID {port:#x}\n'
        )
        command = [*root, "pcscd", "-f", "-c", folder]
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(1000):
                with contextlib.suppress(OSError), contextlib.closing(socket.create_connection(("127.0.0.1", port), 1)):
                    break
                assert daemon.poll() is None, "pcscd has ended; does another one run on this machine?"
                await asyncio.sleep(0.05)
            yield port, root, python
        finally:
            daemon.terminate()
            daemon.wait()
