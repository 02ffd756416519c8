"""`tos ota push`, `rollout`, `rollback` and `trust`, as people call them: to a device, and through a hub."""

import asyncio
import json

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from host.hub.updating import toy, toys
from tosplus.cli import cli
from tosplus.errors import HostError
from tosplus.link.oscore import Context
from tosplus.ota import bundle, pack
from tosplus.sim.device import Device
from tosplus.sim.peer import put_in
from updated import CONFIRMED, FAILED, FIXED, KEY, PUBLIC, STRANGER, bundled

PEER = Context(b"sixteen bytes...", b"salt", b"\x00", b"\x01")  # from our side


def tos(*arguments):
    return CliRunner().invoke(cli, [str(each) for each in arguments], prog_name="tos")


def run(test):
    asyncio.run(asyncio.wait_for(test(), 240))


def saved(folder, made):
    path = folder / f"{made.sequence}.tosb"
    path.write_bytes(made.dumps())
    return path


def public(folder, key=KEY):
    path = folder / "release.pub.pem"
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    return path


def pushed(folder, *bundles):
    """What `tos ota push` said of each, to a kettle that knows us by a key."""
    context = folder / "ours.json"
    hex = {"secret": PEER.secret, "salt": PEER.salt, "sender": PEER.sender, "recipient": PEER.recipient}
    context.write_text(json.dumps({key: value.hex() for key, value in hex.items()}))
    done = []

    async def test():
        async with Device("kettle", state_dir=folder / "kettle", rate=20, keys=(PUBLIC,)) as kettle:
            await kettle.ready()
            await put_in(kettle, "tos", PEER)
            for each in bundles:
                command = ("ota", "push", saved(folder, each), kettle.address, "--context", context)
                done.append(await asyncio.to_thread(tos, *command))

    run(test)
    return done


def test_a_push_to_one_device_serves_it_and_says_what_became_of_it(tmp_path):
    taken, again, crashed = pushed(tmp_path, bundled(), bundled(), bundled("1 // 0\n" + FIXED, 2))
    assert (taken.exit_code, taken.stdout.splitlines()[-1].endswith(": confirmed")) == (0, True), taken.output
    assert again.exit_code == 0
    assert crashed.exit_code == 1 and "rolled back, three starts of the update crashed" in crashed.stdout


def test_a_push_says_what_the_device_refuses_and_what_to_do(tmp_path):
    refused, other = pushed(tmp_path, bundled(key=STRANGER), bundled(product="fridge", sequence=2))
    assert refused.exit_code == 1 and "signed with a key that this device does not know" in refused.stderr
    assert other.exit_code == 1 and "tos ota inspect" in other.stderr


def test_a_rollout_is_begun_looked_at_and_halted_from_the_terminal(tmp_path):
    async def test():
        async with toys(tmp_path, 4) as it:
            at = ("--hub", it.it.address)
            made = saved(tmp_path, toy())

            async def ota(*arguments):
                return await asyncio.to_thread(tos, "ota", *arguments, *at)

            refused = await ota("rollout", made)
            assert refused.exit_code == 1 and "tos ota trust" in refused.stderr
            assert (await ota("trust", public(tmp_path))).exit_code == 0
            begun = await ota("rollout", made, "--waves", "1,100%", "--pause")
            assert begun.exit_code == 0 and "paused" in begun.stdout and "4 waiting" in begun.stdout
            it.devices[2].outcome = (FAILED, 393)
            assert "halted" in (await ota("rollout", "halt")).stdout
            assert "running" in (await ota("rollout", "resume", "1")).stdout
            told, rows = await it.until(lambda told, states: told["state"] == "halted")
            assert "1 of 4 failed, and 5% are too many" in (await ota("rollout", "status")).stdout
            status = (await ota("rollout", "status", "1")).stdout
            assert "kettle 3" in status and "not what was signed" in status
            assert json.loads((await ota("rollout", "status", "--json")).stdout)[0]["state"] == "halted"
            wrong = await ota("rollout", "pause")
            assert wrong.exit_code == 1 and "is halted" in wrong.stderr
            for device in it.devices.values():
                device.outcome, device.told[1] = (CONFIRMED, 0), 0
            done = await ota("push", saved(tmp_path, toy(3)), "kettle", it.id(3))
            assert done.exit_code == 0, done.output
            assert done.stdout.splitlines()[:2] == ["kettle: confirmed", "kettle 4: confirmed"]
            done = await ota("rollout", saved(tmp_path, toy(4)), "--json")
            assert json.loads(done.stdout)["state"] == "done"

    run(test)


def test_what_is_wrong_is_said_with_what_to_do(tmp_path):
    unsigned = saved(tmp_path, bundle.Bundle("kettle", ("TOY",), 5, 0, toy().parts, "5"))
    for arguments, code, words in (
        (("push", unsigned, "kettle"), 1, "tos ota sign"),
        (("push", unsigned, "kettle", "fridge"), 2, "--hub"),
        (("rollout", unsigned), 1, "tos ota sign"),
        (("rollout", unsigned, "--halt-at", "5"), 2, "write 5%"),
        (("rollout", saved(tmp_path, toy()), "--hub", "http://127.0.0.1:9"), 3, "tos hub"),
        (("rollout", "status", "--hub", "http://127.0.0.1:9"), 3, "tos hub"),
        (("rollout", "nothing.tosb"), 2, "does not exist"),
    ):
        done = tos("ota", *arguments)
        assert done.exit_code == code and words in done.stderr, (arguments, done.output)
    assert "tos ota rollout kettle-2.tosb" in tos("ota", "rollout", "--help").stdout


def test_a_rollback_is_the_old_content_above_the_new_sequence(tmp_path):
    old, new = saved(tmp_path, toy(1, size_b=3000)), saved(tmp_path, toy(7))
    key = tmp_path / "release.pem"
    form = serialization.PrivateFormat.PKCS8
    key.write_bytes(KEY.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    out = tmp_path / "out.tosb"
    done = tos("ota", "rollback", old, "--above", new, "--key", key, "--out", out)
    assert done.exit_code == 0 and "sequence 8" in done.stdout
    made = bundle.loads(out.read_bytes())
    bundle.verify(made, PUBLIC)
    assert (made.sequence, made.version, made.parts) == (8, "1.1 again", toy(1, size_b=3000).parts)


@pytest.mark.parametrize(
    ("old", "sequence", "words"),
    [
        (toy(1, base=bytes(32)), None, "full bundle"),
        (bundle.Bundle("fridge", ("TOY",), 1, 0, toy().parts, "1"), None, "no device has had both"),
        (bundle.Bundle("kettle", ("UNIX",), 1, 0, toy().parts, "1"), None, "no device has had both"),
        (toy(1), 7, "not above 7"),
    ],
)
def test_what_no_device_would_take_is_not_made(old, sequence, words):
    with pytest.raises(HostError, match=words):
        pack.again(old, toy(7), sequence)


def test_a_rollback_keeps_the_floor_and_a_label_that_fits():
    above = bundle.Bundle("kettle", ("TOY",), 7, 5, toy().parts, "7")
    old = bundle.Bundle("kettle", ("TOY",), 1, 0, toy().parts, "x" * 30, {0: None})
    made = pack.again(old, above)
    assert (made.floor, made.version, made.keys) == (5, "8", {})
