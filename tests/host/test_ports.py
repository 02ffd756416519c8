"""Ports: one that is free is given to one, and where anybody may have any, nobody shares."""

import contextlib
import json
import os
import socket
import subprocess
import sys

from tosplus import ports

SHARED = """
import asyncio, socket
from tosplus.link.client import open_context
from tosplus.link.server import listening
from aiocoap import resource

async def main():
    contexts = await open_context(), (await listening(resource.Site(), "127.0.0.1", 0))[0]
    for context in contexts:
        for way in context.request_interfaces:
            transport = way.token_interface.message_interface.transport
            print(transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT))
        await context.shutdown()

asyncio.run(main())
"""


def test_a_free_port_is_given_once_and_is_none_that_the_system_gives_away():
    given = [ports.free(kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM) for _ in range(50)]
    assert len(set(given)) == 100 and min(given) >= 20_000 and max(given) < 26_000


def test_two_processes_that_look_at_the_same_moment_are_given_different_ones():
    """Neither binds what it has, and both look at the same ports in the same order."""
    same = "from tosplus import ports; ports._tried = iter(range(99)); print([ports.free() for n in range(9)]); input()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    with contextlib.ExitStack() as stack:
        both = [stack.enter_context(subprocess.Popen([sys.executable, "-c", same], **pipes)) for _ in range(2)]
        given = [json.loads(process.stdout.readline()) for process in both]
        for process in both:
            process.communicate("\n")
    assert len(given[0]) == 9 and not set(given[0]) & set(given[1])


def test_one_that_somebody_has_is_passed_over():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", ports.free() + 1))
        assert ports.free() != other.getsockname()[1]
        assert not ports.is_free(other.getsockname()[1])


def test_what_speaks_coap_shares_its_port_with_nobody():
    """Of 2000 sockets that would, Linux gives 70 a port that another one has."""
    environment = {key: value for key, value in os.environ.items() if key != "AIOCOAP_REUSE_PORT"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", SHARED], env=environment, capture_output=True, text=True)
    assert set(done.stdout.split()) == {"0"}, done.stderr
