"""What README and docs tell people to type is a command, what they name is there, and what can run here runs."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner
from tosplus.cli import cli
from tosplus.paths import ROOT

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").glob("**/*.md"))
_TOS = re.compile(r"^(?:    |\$ )?(?:\.venv/demo/bin/)?(tos [a-z].*)$", re.MULTILINE)
_MAKE = re.compile(r"(?:^    |`|\$ )make ([a-z]+)", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")
_PLACES = re.compile(r"`((?:lib|firmware|boards|tools|tests|docs|houses)/[\w./*-]+)`")
_NAMED = {"boards/NAME/", "lib/tos/"}  # a pattern, and a place on a device


def commands():
    """-> [(page, the words behind `tos`), ...]; what two blanks or a # stand before is said about the command."""
    found = []
    for page in PAGES:
        for line in _TOS.findall(page.read_text().replace("\\\n", " ")):
            said = re.split(r"  +|\s#", line)[0]
            words = shlex.split(re.split(r"[<>|]", said)[0])[1:]
            found.append(pytest.param(words, id=f"{page.name}: {said}"))
    return found


@pytest.mark.parametrize("words", commands())
def test_every_command_in_the_docs_is_one(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for word in words:
        if re.fullmatch(r"FILE|(\./)?[\w-]+\.[\w.-]+", word):
            (tmp_path / word).touch()  # the reader has it by then
        elif re.fullmatch(r"[\w-]+(/[\w-]+)+", word):
            (tmp_path / word).mkdir(parents=True)
    command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        with command.make_context(command.name, words) as context:
            _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    command.make_context(command.name, words).close()


def test_every_make_target_in_the_docs_is_one():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in _MAKE.findall(page.read_text())}
    assert {"demo", "test", "bench"} <= named and named - targets == set()


def test_every_link_and_every_place_in_the_docs_is_there():
    gone = []
    for page in PAGES:
        text = page.read_text()
        gone += [f"{page.name}: {to}" for to, _ in _LINK.findall(text) if not (page.parent / to).exists()]
        gone += [f"{page.name}: {to}" for to in _PLACES.findall(text) if to not in _NAMED and not list(ROOT.glob(to))]
    assert gone == []


RUN = [  # in this order, in one folder
    "tos board list",
    "tos board check TOS_WATCH",
    "tos new kettle",
    "tos build ./kettle.py --board ESP32_GENERIC",
    "tos ota keygen release.pem",
    "tos ota pack kettle --board ESP32_GENERIC --sequence 1 --key release.pem --out kettle-1.tosb",
    "tos ota pack kettle --board ESP32_GENERIC --base kettle-1.tosb --key release.pem --out kettle-2.tosb",
    "tos ota inspect kettle-2.tosb",
    "tos ota verify kettle-2.tosb --key release.pub.pem",
    "tos ota rollback kettle-1.tosb --above kettle-2.tosb --key release.pem --out kettle-3.tosb",
    "tos build kettle --board ESP32_GENERIC --key release.pub.pem",
    'tos tokens merchant CAMPUS terms.json --by "Ann Bar, owner" --record "contract 7 of 2026-11-01"',
    "tos tokens credential till CAMPUS --terminal TILL-1",
    "tos tokens issue ann --amount 20.00 --device watch-c0ffee",
    "tos tokens settle CAMPUS",
    "tos tokens statement developer --format csv >share.csv",
    "tos tokens recompute share.csv",
    "tos dev ls",
    "tos explain 336",
]
_TERMS = '{"id": "canteen", "shares": [["platform", 300], ["manufacturer", 700], ["developer", 9000]]}'


def test_what_needs_no_device_runs_as_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "terms.json").write_text(_TERMS)
    text = "\n".join(page.read_text() for page in PAGES)
    assert _TERMS in text
    for line in RUN:
        assert line in text, line
        said, _, into = line.partition(" >")
        done = CliRunner().invoke(cli, shlex.split(said)[1:], input="a passphrase\n" * 2, prog_name="tos")
        assert done.exit_code == 0, (line, done.output, done.exception)
        if into:
            (tmp_path / into).write_text(done.stdout)
