"""What a kettle on a board does, simulated or soldered: the same tests for both. A rig's capabilities are marks."""

import asyncio
import secrets

import pytest
from tosplus.link import exchange
from tosplus.link.client import LinkError
from tosplus.link.credentials import Store
from tosplus.link.pairing_code import parse

from .rig import CODE

wifi, reset, power = pytest.mark.wifi, pytest.mark.reset, pytest.mark.power
pins, flash = pytest.mark.pins, pytest.mark.flash
TIMER, WATCHDOG, SOFT = 4, 2, 3


@pytest.fixture(scope="session")
def online(rig):
    """The code that the device says before it has an owner; it is on its network then."""
    answer = rig.improv("provision", *rig.wifi)
    assert "value" in answer, answer
    return rig.code()


@pytest.fixture(scope="session")
def owner(rig, online, tmp_path_factory):
    """Where this computer keeps its key, once it is the device's owner."""
    store = Store(tmp_path_factory.mktemp("peers"))
    code = parse(online)

    async def pair():
        return await exchange.pair(code, await rig.address(code.device_id), store)

    asyncio.run(pair())
    return store


def cause(said):
    """Why it started, by its first line of log."""
    return int(said.partition(" 201 ")[2].split()[0])


def joined(rig):
    return any(rig.improv("state") == {"value": 4} for _ in range(20))


# A cable is enough


@reset
def test_it_starts_and_says_its_code(rig):
    said = rig.boots()
    assert cause(said) in (0, 1)
    assert parse(CODE.search(said)[1]).device_id.startswith("kettle-")


def test_files_are_copied_there_and_back(rig, tmp_path):
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(secrets.token_bytes(20_000))
    rig.mpremote("fs", "cp", str(there), ":hil.bin", "+", "fs", "cp", ":hil.bin", str(back))
    rig.mpremote("fs", "rm", ":hil.bin")
    assert back.read_bytes() == there.read_bytes()


@reset
def test_a_command_stops_the_app_and_a_soft_reset_starts_it(rig):
    rig.boots()
    assert rig.mpremote("resume", "exec", "import board; print(board.cause >= 0)") == "True\n"
    assert cause(rig.soft_reset()) == SOFT


@reset
def test_the_watchdog_resets_a_loop_that_hangs(rig):
    rig.leaves("import board; board.watchdog.start(2000)\nwhile True: pass")
    assert cause(rig.starts()) == WATCHDOG


@reset
def test_deep_sleep_ends_by_its_timer(rig):
    rig.leaves("import board; board.sleep(2000, ())")
    assert cause(rig.starts()) == TIMER


# With a network


@wifi
@reset
def test_a_wrong_password_is_refused_and_not_kept(rig):
    ssid, _ = rig.wifi
    assert rig.improv("provision", ssid, secrets.token_hex(8)) == {"error": "UNABLE_TO_CONNECT"}
    rig.boots()
    assert rig.improv("state") == {"value": 2}  # ready to be given one


@wifi
@reset
def test_a_network_is_found_and_joined_again_after_a_reset(rig, online):
    assert rig.wifi[0] in [network["name"] for network in rig.improv("scan")["value"]]
    rig.boots()
    assert joined(rig)


@wifi
@reset
def test_everybody_may_read_its_core_and_nothing_else(rig, online):
    assert rig.ask(lambda client: client.core(), online)
    with pytest.raises(LinkError):
        rig.ask(lambda client: client.state(), online)


@wifi
@reset
@flash
@pytest.mark.timeout(300)
def test_flashing_it_again_keeps_its_secret_and_its_network(rig, online):
    done = rig.flash()
    assert done["kept"] and done["pairing_code"] == online
    rig.boots()
    assert joined(rig)


@wifi
@reset
def test_who_has_the_code_is_its_owner(rig, online, owner):
    state = rig.ask(lambda client: client.state(), online, owner)
    assert {"boils", "temp", "power"} <= set(state)
    assert not CODE.search(rig.boots())  # it says it to nobody else


@wifi
@reset
@pins
def test_a_switch_is_seen_at_its_pin(rig, online, owner):
    for on in (True, False):
        rig.ask(lambda client, on=on: client.set("power", on), online, owner)
        assert rig.pin("relay") is on


@wifi
@reset
@pins
def test_a_press_of_its_button_shows_the_code_again(rig, online, owner):
    said = rig.says_code(lambda: rig.press("button", 300))
    assert CODE.search(said)[1] == online


@wifi
@reset
def test_a_reset_keeps_network_and_owner(rig, online, owner):
    rig.boots()
    assert rig.ask(lambda client: client.state(), online, owner)


@wifi
@reset
@power
@pins
def test_a_power_cut_keeps_the_owner_and_leaves_the_relay_off(rig, online, owner):
    rig.ask(lambda client: client.set("power", True), online, owner)
    rig.power(False)
    rig.power(True)
    assert rig.ask(lambda client: client.state(), online, owner)
    assert rig.pin("relay") is False
