"""What README and docs tell people to type is a command, what they name is there, and what can run here runs."""

import contextlib
import re
import shlex
import subprocess

import click
import pytest
from click.testing import CliRunner
from desk import desk
from tosplus.cli import cli
from tosplus.demo.story import Story
from tosplus.paths import ROOT

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((ROOT / "docs").glob("**/*.md"))
_TOS = re.compile(r"^(?:    |\$ )?(?:\(?umask 077; )?(?:\.venv/\w+/bin/)?(tos [a-z].*?)\)?$", re.MULTILINE)
_MAKE = re.compile(r"(?:^    |`|\$ )make ([a-z]+)", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")
_PLACES = re.compile(r"`((?:lib|firmware|boards|tools|tests|docs|houses)/[\w./*-]+)`")
_NAMED = {"boards/NAME/", "lib/tos/"}  # a pattern, and a place on a device
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def lines():
    """-> [(page, command as it is written), ...]; what two blanks or a # stand before is said about the command."""
    for page in PAGES:
        for line in _TOS.findall(re.sub(r"\\\n *", "", page.read_text())):
            yield page, re.split(r"  +|\s#", line)[0]


def words_of(said):
    """Behind `tos`, up to a redirection."""
    return shlex.split(re.split(r"[<>|]", said)[0])[1:]


@pytest.mark.parametrize(("page", "said"), list(lines()), ids=lambda value: getattr(value, "name", value))
def test_every_command_in_the_docs_is_one(page, said, tmp_path, monkeypatch):
    words = words_of(said)
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


def anchors(page):
    """What a link to a heading of it ends in, as GitHub makes it."""
    headings = re.findall(r"^#+ (.*)$", _CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_and_every_place_in_the_docs_is_there():
    gone = []
    for page in PAGES:
        text = page.read_text()
        for to, heading in _LINK.findall(_CODE.sub("", text)):
            there = page.parent / to if to else page
            if not there.exists() or (heading and heading not in anchors(there)):
                gone.append(f"{page.name}: {to}#{heading}")
        gone += [f"{page.name}: {to}" for to in _PLACES.findall(text) if to not in _NAMED and not list(ROOT.glob(to))]
    assert gone == []


def test_every_page_is_led_to_from_the_readme():
    def led_to(page, seen):
        for to, _ in _LINK.findall(_CODE.sub("", page.read_text())):
            there = (page.parent / to).resolve()
            if to and there not in seen:
                seen.add(there)
                if there.suffix == ".md":
                    led_to(there, seen)
        return seen

    seen = led_to(ROOT / "README.md", set())
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page not in seen] == []


def test_the_story_in_the_readme_is_the_one_that_the_demo_tells():
    told = re.findall(r"^✓ +[0-9.]+ s  (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert told == [step.__doc__ for step in Story().steps()]


RUN = [  # in this order, in one folder
    "tos board list",
    "tos board check TOS_WATCH",
    "tos ota keygen release.pem",
    "tos ota pack kettle --board ESP32_GENERIC --sequence 1 --key release.pem --out kettle-1.tosb",
    "tos ota pack kettle --board ESP32_GENERIC --base kettle-1.tosb --key release.pem --out kettle-2.tosb",
    "tos ota pack till --board TOS_TILL --frozen --sequence 1 --key release.pem --out till-1.tosb",
    "tos ota inspect kettle-2.tosb",
    "tos ota verify kettle-2.tosb --key release.pub.pem",
    "tos ota pack kettle --board UNIX --sequence 2 --key release.pem --out kettle-unix.tosb",
    "tos ota rollback kettle-1.tosb --above kettle-2.tosb --key release.pem --out kettle-3.tosb",
    "tos build kettle --board ESP32_GENERIC --key release.pub.pem",
    'tos tokens merchant CAMPUS terms.json --by "Ann Bar, owner" --record "contract 7 of 2026-11-01"',
    "tos tokens credential till CAMPUS --terminal TILL-1",
    "tos tokens credential house >house.secret",
    "tos tokens issue ann --amount 20.00 --device watch-c0ffee",
    "tos tokens settle CAMPUS",
    "tos tokens statement developer --format csv >share.csv",
    "tos tokens recompute share.csv",
    "tos hub password",
    "tos dev access-point",
]
_PLAYED = ("first-five-minutes", "making-a-product")  # in their order too, with a device where `tos sim` starts one
_ONLY_READ = {  # as far as its options: what a command wants that is not here
    "a board, or firmware for one": ("tos flash ", "tos provision", "--firmware", "--chip", "/dev/ttyUSB0"),
    "Ctrl-C": ("tos hub", "tos sim kettle", "--house", "tos nfc", "tos tokens serve", "tos dev watch lamp"),
    "a hub": ("tos tokens pair", "tos ota push", "tos ota trust", "tos ota rollout", "--device till-c0ffee"),
    "a reader": ("tos till ", "--vpcd"),
    "the demo": ("demo/", "developer.csv"),
    "a person": ("tos dev repl", "tos pair CODE", "kettle-c0ffee"),
    "twenty minutes": ("tos hil",),
}
_TERMS = '{"id": "canteen", "shares": [["platform", 300], ["manufacturer", 700], ["developer", 9000]]}'


_CODE_OF = "tos:v1:kettle-c0ffe0:NOC6-6PP7-PO3P-5J34-2K4G-MLFR-TMU"  # docs/pairing.md


def tos(line, given=""):
    """What it printed; it went well."""
    said, _, into = line.partition(" >")
    done = CliRunner().invoke(cli, shlex.split(said)[1:], input=given, prog_name="tos")
    assert done.exit_code == 0, (line, done.output, done.exception)
    if into:
        with open(into, "w") as file:
            file.write(done.stdout)
    return done.stdout


def is_only_read(said):
    return any(fragment in said for fragments in _ONLY_READ.values() for fragment in fragments)


def test_every_command_in_the_docs_runs_here_or_wants_what_is_not_here():
    run = {line.partition(" >")[0] for line in RUN}
    left = {said.partition(" >")[0] for page, said in lines() if page.stem not in _PLAYED} - run
    assert [said for said in left if not is_only_read(said)] == []


def test_what_needs_no_device_runs_as_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))
    (tmp_path / "terms.json").write_text(_TERMS)
    text = "\n".join(page.read_text() for page in PAGES)
    assert _TERMS in text
    for line in RUN:
        assert line in text, line
        tos(line, f"{_CODE_OF}\n" if "access-point" in line else "a passphrase\n" * 2)


def test_an_output_that_a_page_shows_is_what_is_printed():
    page = (ROOT / "docs/provisioning.md").read_text()
    shown = re.search(r"    \$ (tos .*)\n    Pairing code: (.*)\n((?:    .*\n)+)", page)
    assert shown[2] == _CODE_OF
    assert tos(shown[1], f"{shown[2]}\n").split("\n") == re.sub("^    ", "", shown[3], flags=re.MULTILINE).split("\n")


@contextlib.contextmanager
def simulated(line):
    """The device of a `tos sim`, once it is ready -> read(pattern), the first line from there on that has it."""
    with subprocess.Popen([*shlex.split(line), "--hub", ""], stdout=subprocess.PIPE, text=True) as process:

        def read(pattern):
            return next(said for said in process.stdout if pattern in said)

        try:
            read("Ctrl-C ends it")
            yield read
        finally:
            process.terminate()


@pytest.mark.parametrize("page", _PLAYED)
def test_a_page_that_is_followed_from_its_first_command_to_its_last_works(page, tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))
    text = (ROOT / f"docs/{page}.md").read_text()
    with contextlib.ExitStack() as running:
        for said in (said for there, said in lines() if there.stem == page and not is_only_read(said)):
            if said.startswith("tos sim"):
                running.close()
                read = running.enter_context(simulated(said))
            else:
                tos(said, read("Pairing code: ").split()[-1] + "\n" if said == "tos pair" else "")
            if said.startswith("tos new"):  # what the reader makes of it: the product, and a rule for its owner
                (tmp_path / "kettle.py").write_text("".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[2:4]))
