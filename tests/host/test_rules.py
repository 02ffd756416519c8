"""The owner's rules: their words, and what becomes of them on simulated devices, over the wire and by the command."""

import asyncio
import json
import subprocess

import pytest
from desk import desk
from tosplus.cmd.dev import command
from tosplus.errors import UsageFault
from tosplus.link.client import Client, LinkError
from tosplus.link.explain import explain
from tosplus.link.rule_words import parse, told
from tosplus.link.schema import Identity, Resource, Rule
from tosplus.sim.device import Device

TABLE = [
    Resource(0, "temp", "sensor"),
    Resource(1, "door", "binary_sensor"),
    Resource(2, "light", "switch", writable=True),
    Resource(3, "level", "number", writable=True),
    Resource(4, "text", "text", writable=True),
    Resource(5, "mode", "select", options=["eco", "set light"], writable=True),
    Resource(6, "pressed", "event", options=["press", "hold"], event=True),
]
HOME = Identity("home-1", "home", "0.1.0", "TOY", [], TABLE)

WORDS = {
    "when door is on set light off": Rule("door", "light", equals=True, to=False),
    "when temp above 60 set light on": Rule("temp", "light", above=60, to=True),
    "when temp below -4.5 toggle light": Rule("temp", "light", below=-4.5),
    "when pressed is press toggle light": Rule("pressed", "light", equals="press"),
    "when temp is 0 set level 0": Rule("temp", "level", equals=0, to=0),
    "when text is on set text 'Shut the door'": Rule("text", "text", equals="on", to="Shut the door"),
    "when text is 'it'\"'\"'s' set text ''": Rule("text", "text", equals="it's", to=""),
    "when mode is 'set light' set mode eco": Rule("mode", "mode", equals="set light", to="eco"),
}


@pytest.mark.parametrize("words", WORDS)
def test_words_and_rule_are_the_same_both_ways(words):
    rule = WORDS[words]
    assert parse(words, HOME) == rule and told(rule) == words
    assert Rule(**json.loads(json.dumps(rule.as_json()))) == rule
    indexes = {row.path: row.index for row in TABLE}
    assert Rule.from_wire(rule.to_wire(indexes), {index: path for path, index in indexes.items()}) == rule


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "it begins with when"),
        ("door is on set light off", "it begins with when"),
        ("when door on set light off", "it begins with when"),
        ("when door is on", "it ends with set"),
        ("when door is on set light", "it ends with set"),
        ("when door is on toggle light on", "it ends with set"),
        ("when dor is on toggle light", "there is no dor here, but temp, door"),
        ("when door is on toggle lihgt", "there is no lihgt here"),
        ("when temp above warm toggle light", "above needs a number, not warm"),
        ("when text is 'open toggle light", "No closing quotation"),
    ],
)
def test_a_mistake_teaches_the_grammar(words, said):
    with pytest.raises(UsageFault, match=said) as e:
        parse(words, HOME)
    assert "when pressed is press toggle light" in str(e.value)


def test_a_value_that_does_not_fit_is_told_as_everywhere():
    with pytest.raises(UsageFault, match="on or off, not ajar"):
        parse("when door is ajar toggle light", HOME)
    with pytest.raises(UsageFault, match="one of press, hold, not kick"):
        parse("when pressed is kick toggle light", HOME)


def test_explain_knows_the_names_of_a_rule():
    names = "[{/when/ 0: 1, /equals/ 3: true, /set/ 4: 2}, {/when/ 0: 0, /above/ 1: 60, /set/ 4: 2, /to/ 5: false}]"
    assert explain("82 a3 0001 03f5 0402 a4 0000 01183c 0402 05f4", path="/b").details == [names]


def test_every_option_is_in_the_help():
    assert {p.name for p in command.commands["rules"].params} >= {"add", "remove", "clear", "reset", "as_json"}


# On simulated devices

DECLARED = [Rule("door", "light", equals=True, to=True), Rule("door", "light", equals=False, to=False)]


def test_a_fridges_rules_are_the_makers_until_an_owner_replaces_them_and_they_outlive_kill(tmp_path):
    dim = Rule("temp", "light", above=8, to=True)

    async def main():
        async with Device("fridge", state_dir=tmp_path / "fridge", rate=0, plain=True) as fridge:

            async def sees(signal, value):
                await fridge.control("set", signal=signal, value=value)
                await fridge.control("advance", ms=6000)
                return (await fridge.control("get"))["signals"]["led_percent"]

            await fridge.ready()
            await fridge.control("advance", ms=300)
            async with Client(*fridge.link) as client:
                assert await client.rules() == DECLARED
                await client.set_rules([dim])
                assert await client.rules() == [dim]
            # Nobody is connected, and it was off in between.
            await fridge.kill()
            await fridge.restarted()
            await fridge.control("advance", ms=300)
            await sees("inside_c", 4)
            assert await sees("door", True) == 0
            assert await sees("inside_c", 12) == 100
            async with Client(*fridge.link) as client:
                await client.set_rules([])
                await fridge.kill()
                await fridge.restarted()
                assert await client.rules() == []
                await client.set_rules(None)
                assert await client.rules() == DECLARED

    asyncio.run(main())


def test_refused_rules_leave_the_old_ones(tmp_path):
    async def main():
        async with Device("fridge", state_dir=tmp_path / "fridge", rate=0, plain=True) as fridge:
            await fridge.ready()
            async with Client(*fridge.link) as client:
                good = Rule("door", "light", equals=True)
                for bad, code in (
                    (Rule("door", "compressor", equals=True, to=False), 333),
                    (Rule("door", "temp", equals=True, to=4), 332),
                    (Rule("door", "light", above=1), 334),
                    (Rule("temp", "light", equals=200), 335),
                    (Rule("lid", "light", equals=True), 331),
                ):
                    with pytest.raises(LinkError, match="rule 2") as refused:
                        await client.set_rules([good, bad])
                    assert refused.value.code == code
                with pytest.raises(LinkError, match="at most 16 rules"):
                    await client.set_rules([good] * 17)
                with pytest.raises(LinkError, match=r"rule 1, door: .*334"):  # in two blocks
                    await client.set_rules([Rule("door", "light", equals="x" * 64)] * 16)
                with pytest.raises(LinkError, match=r"more than 4096 bytes.*\(4.13, 347"):
                    await client.set_rules([Rule("door", "light", equals="x" * 300)] * 16)
                assert await client.rules() == DECLARED

    asyncio.run(main())


def test_a_lamps_button_does_what_its_owner_wants(tmp_path):
    async def main():
        async with Device("lamp", state_dir=tmp_path / "lamp", rate=0, plain=True) as lamp:

            async def press():
                for down in (True, False):
                    await lamp.control("set", signal="button", value=down)
                    await lamp.control("advance", ms=200)

            await lamp.ready()
            await lamp.control("advance", ms=200)
            async with Client(*lamp.link) as client:
                await press()
                assert await client.get("light") is True
                await client.set_rules([Rule("pressed", "brightness", equals="press", to=5)])
                await press()
                assert await client.get("light") is True and await client.get("brightness") == 5

    asyncio.run(main())


def test_the_command_lists_adds_and_removes(tmp_path, monkeypatch):
    monkeypatch.chdir(desk(tmp_path))

    def tos(*arguments):
        command = ["tos", "dev", "rules", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=100)

    def ask():
        opened = " 1  when door is on set light on\n"
        both = opened + " 2  when door is off set light off\n"
        assert tos("fridge").stdout == both
        added = tos("fridge", "--add", "when temp above 12 toggle light", "--add", "when temp below 1 set light off")
        assert added.stdout == both + " 3  when temp above 12 toggle light\n 4  when temp below 1 set light off\n"
        assert tos("fridge", "--remove", "2").stdout.splitlines()[1] == " 2  when temp above 12 toggle light"
        rules = json.loads(tos("fridge", "--json").stdout)
        assert rules[:2] == [
            {"when": "door", "equals": True, "set": "light", "to": True},
            {"when": "temp", "above": 12, "set": "light"},
        ]
        none = tos("fridge", "--clear")
        assert none.stdout == "" and "no rules" in none.stderr
        assert tos("fridge", "--reset").stdout == both
        for wrong, code, said in (
            (("--remove", "3"), 2, "no rule 3; fridge has 2"),
            (("--clear", "--reset"), 2, "at a time"),
            (("--add", "when door is on"), 2, "A rule is one line"),
            (("--add", "when door is on set compressor off"), 1, "rule 3, compressor: this origin may not write"),
        ):
            done = tos("fridge", *wrong)
            assert done.returncode == code and said in done.stderr, done.stderr
        assert tos("fridge").stdout == both

    async def main():
        async with Device("fridge", rate=20, plain=True) as device:
            await device.ready()
            await asyncio.to_thread(ask)

    asyncio.run(main())
