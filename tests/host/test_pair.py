"""`tos pair` and the keys that it keeps, with a device that is not ours (hub/secure_fake.py)."""

import asyncio
import json
import os
import stat
import subprocess
import sys

import aiocoap
import pytest
import segno
from click.testing import CliRunner
from host.hub.secure_fake import OWNER, SecureFake
from lossy import HOST, Relay
from tosplus.cli import cli
from tosplus.errors import HostError, Unreachable
from tosplus.link import exchange, find, picture
from tosplus.link.client import Client, LinkError
from tosplus.link.credentials import Peer, Store
from tosplus.link.exchange import Busy, Closed, pair
from tosplus.link.oscore import Context
from tosplus.link.pair import PairError
from tosplus.link.pairing_code import encode, parse


def run(test):
    asyncio.run(asyncio.wait_for(test, 240))


def where(fake):
    return "127.0.0.1", fake.port


def test_who_has_the_code_becomes_the_owner_and_speaks_by_the_key(tmp_path):
    async def test():
        store, said = Store(tmp_path / "peers"), []
        async with SecureFake() as fake:
            identity, is_new = await pair(parse(fake.code), where(fake), store, say=said.append)
            assert (identity.id, is_new, len(said)) == ("fake-1", True, 2)
            assert store.ids() == ["fake-1"] and store.unproven("fake-1") is None
            role, keys = fake.peers["tos"]
            peer = store.get("fake-1")
            assert role == OWNER and peer.context.secret == keys.secret
            assert peer[1:] == ("owner", "tos", fake.address)
            async with Client(*where(fake), credentials=store.credentials("fake-1")) as client:
                assert (await client.state())["temp"] == 20
                await client.set("power", True)
                assert fake.values[1] is True
            with pytest.raises(LinkError, match="356"):
                async with Client(*where(fake)) as nobody:
                    await nobody.identity()

    run(test())


def test_keys_are_for_their_owner_alone_and_shown_nowhere(tmp_path):
    async def test():
        store = Store(tmp_path / "a" / "peers")
        os.umask(0)
        async with SecureFake() as fake:
            await pair(parse(fake.code), where(fake), store)
        assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
        files = sorted(file.name for file in store.folder.iterdir())
        assert files == ["fake-1.json", "fake-1.json.sent"]
        for file in store.folder.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        secret = store.get("fake-1").context.secret.hex()
        assert secret in (store.folder / "fake-1.json").read_text()
        assert secret not in repr(store.get("fake-1")) + repr(store.credentials("fake-1"))
        assert repr(parse(fake.code)) == "<Code of fake-1>"

    before = os.umask(0)
    try:
        run(test())
    finally:
        os.umask(before)


def test_pairing_twice_finds_what_is_there_and_asks_for_nothing_new(tmp_path):
    async def test():
        store = Store(tmp_path)
        async with SecureFake() as fake:
            await pair(parse(fake.code), where(fake), store)
            key = store.get("fake-1")
            identity, is_new = await pair(parse(fake.code), where(fake), store)
            assert not is_new and store.get("fake-1") == key and len(fake.peers) == 1

    run(test())


def test_a_device_that_was_reset_is_paired_anew_and_no_number_comes_twice(tmp_path):
    async def test():
        store = Store(tmp_path)
        async with SecureFake() as fake:
            await pair(parse(fake.code), where(fake), store)
            first, sent = store.get("fake-1"), int((tmp_path / "fake-1.json.sent").read_text())
            fake.reset()
            with pytest.raises(PairError, match="of another device, or its device has made a new one"):
                await pair(parse(encode("fake-1", bytes(16))), where(fake), store)
            assert store.get("fake-1") == first
            await pair(parse(fake.code), where(fake), store)
            assert store.get("fake-1").context.secret != first.context.secret
            assert int((tmp_path / "fake-1.json.sent").read_text()) > sent

    run(test())


@pytest.mark.parametrize("busy", [1, 10**6])
def test_a_busy_device_is_waited_for_and_not_for_ever(tmp_path, monkeypatch, busy):
    monkeypatch.setattr(exchange, "_AGAIN_S", 0.01)
    monkeypatch.setattr(exchange, "_BUSY_S", 0.5)

    async def test():
        store, said = Store(tmp_path), []
        async with SecureFake() as fake:
            fake.busy = busy
            if busy == 1:
                await pair(parse(fake.code), where(fake), store, say=said.append)
                assert "waiting" in said[1]
            else:
                with pytest.raises(Busy, match="somebody else"):
                    await pair(parse(fake.code), where(fake), store)
                assert store.ids() == [] and not fake.peers

    run(test())


def test_a_device_that_has_an_owner_says_press_the_button(tmp_path):
    async def test():
        first, second = Store(tmp_path / "1"), Store(tmp_path / "2")
        async with SecureFake() as fake:
            with pytest.raises(Closed, match="owner comes first"):
                await pair(parse(fake.code), where(fake), second, "control", "guest")
            await pair(parse(fake.code), where(fake), first)
            with pytest.raises(Closed, match="Press its pairing button"):
                await pair(parse(fake.code), where(fake), second)
            assert second.ids() == [] and list(fake.peers) == ["tos"]
            fake.opened = True
            await pair(parse(fake.code), where(fake), second, "control", "guest")
            assert second.get("fake-1").role == "control"

    run(test())


def test_a_wrong_secret_ends_the_exchange_there_too(tmp_path):
    async def test():
        store = Store(tmp_path)
        async with SecureFake() as fake:
            with pytest.raises(PairError):
                await pair(parse(encode("fake-1", bytes(16))), where(fake), store)
            assert fake.pairing.running is None and not fake.peers and not list(tmp_path.iterdir())
            await pair(parse(fake.code), where(fake), store)

    run(test())


def test_a_success_in_the_clear_is_worth_nothing(tmp_path, monkeypatch):
    """Somebody between answers m3 himself and lets nothing through."""
    monkeypatch.setattr(exchange, "_PROOF_S", 0.1)

    async def test():
        store = Store(tmp_path)
        async with SecureFake() as fake:
            last = fake.pairing.last
            fake.pairing.last = lambda m3, source: aiocoap.Message(code=aiocoap.CHANGED)
            with pytest.raises(LinkError):
                await pair(parse(fake.code), where(fake), store)
            assert store.ids() == [] and not fake.peers
            fake.pairing.last, fake.pairing.running = last, None
            await pair(parse(fake.code), where(fake), store)
            assert store.ids() == ["fake-1"]

    run(test())


def test_what_the_device_has_kept_though_the_host_heard_nothing_is_found_out(tmp_path, monkeypatch):
    """The answer to m3, and all after it, is lost."""
    monkeypatch.setattr(exchange, "_PROOF_S", 0.1)
    monkeypatch.setattr(exchange, "_ANSWER_S", 1)

    async def test():
        store = Store(tmp_path)
        async with SecureFake() as fake:
            relay = Relay(where(fake), 0, 0, 1)
            wire, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: relay, local_addr=(HOST, 0))
            put_in = fake.put_in

            def last_word(*peer):
                put_in(*peer)
                relay._loss = 1

            fake.put_in = last_word
            with pytest.raises(Unreachable):
                await pair(parse(fake.code), (HOST, wire.get_extra_info("sockname")[1]), store)
            wire.close()
            assert list(fake.peers) == ["tos"] and store.ids() == [] and store.unproven("fake-1")
            identity, is_new = await pair(parse(fake.code), where(fake), store)
            assert store.ids() == ["fake-1"] and store.unproven("fake-1") is None
            assert list(fake.peers) == ["tos"] and not is_new
            assert store.get("fake-1").address == fake.address

    run(test())


# The store


def some(n=1, recipient=b"\x07"):
    return Peer(Context(bytes([n]) * 16, b"salt", b"\x00", recipient), "owner", "tos", "127.0.0.1:5683")


def test_a_key_whose_counter_is_lost_is_not_used_and_goes_before_the_counter_starts_again(tmp_path):
    store = Store(tmp_path)
    store.expect("a", some())
    store.prove("a")
    assert Store(tmp_path).credentials("a").new_sequence_number() == 0
    for damage in (lambda file: file.unlink(), lambda file: file.write_text("x")):
        damage(tmp_path / "a.json.sent")
        with pytest.raises(HostError, match=r"[Pp]air again"):
            Store(tmp_path).credentials("a").new_sequence_number()
        store.expect("a", some(2))
        assert store.get("a") is None and Store(tmp_path).credentials("a", unproven=True).new_sequence_number() == 0
        store.prove("a")


def test_a_second_key_goes_on_counting_where_the_first_one_was(tmp_path):
    store = Store(tmp_path)
    store.expect("a", some())
    store.prove("a")
    first = [store.credentials("a").new_sequence_number() for _ in range(3)]
    store.expect("a", some(2))
    assert store.get("a") == some() and store.unproven("a") == some(2)
    store.prove("a")
    assert store.get("a") == some(2) and store.credentials("a").new_sequence_number() > max(first)
    assert store.credentials("a") is store.credentials("a")


def test_ids_that_devices_send_with_are_given_out_once(tmp_path):
    store = Store(tmp_path)
    store.expect("a", some(recipient=b"\x01"))
    given = [store.free_id() for _ in range(300)]
    assert len(set(given)) == 300 and b"\x01" not in given and given[:2] == [b"\x00", b"\x02"] and len(given[299]) == 2


def test_each_cut_of_a_write_leaves_the_old_or_the_new(tmp_path):
    """Killed at each system call that names a file."""
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tosplus.link.credentials import Store\n"
        "from host.test_pair import some\n"
        "left = [int(sys.argv[2])]\n"
        "def counted(call):\n"
        "    def wrapped(*a, **k):\n"
        "        left[0] -= 1\n"
        "        if left[0] < 0: os._exit(9)\n"
        "        return call(*a, **k)\n"
        "    return wrapped\n"
        "for name in ('open', 'fsync', 'replace', 'unlink', 'rename', 'mkdir'):\n"
        "    setattr(os, name, counted(getattr(os, name)))\n"
        "store = Store(Path(sys.argv[1]))\n"
        "store.expect('a', some(2))\n"
        "store.prove('a')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    seen = set()
    for cut in range(40):
        store = Store(tmp_path / str(cut))
        store.expect("a", some(1))
        store.prove("a")
        store.credentials("a").new_sequence_number()
        done = subprocess.run([sys.executable, "-c", code, str(store.folder), str(cut)], env=environment)
        assert store.get("a") in (some(1), some(2)) and store.unproven("a") in (None, some(2))
        assert Store(store.folder).credentials("a").new_sequence_number() >= 128
        seen.add((store.get("a") == some(2), store.unproven("a") is not None))
        if done.returncode == 0:
            break
    assert done.returncode == 0 and seen == {(False, False), (False, True), (True, False)}


def test_the_file_is_one_that_tos_explain_takes(tmp_path):
    store = Store(tmp_path)
    store.expect("a", some())
    store.prove("a")
    assert Context.read(tmp_path / "a.json") == some().context
    (tmp_path / "b.json").write_text(json.dumps({"secret": "00" * 16, "sender": "", "recipient": "01"}))
    with pytest.raises(HostError, match="not from `tos pair`"):
        store.get("b")
    for id in ("../a", "", "a/b", ".a"):
        with pytest.raises(HostError, match="not the id of a device"):
            store.get(id)


# The command


def tos(*arguments, **more):
    return CliRunner().invoke(cli, arguments, **more)


async def tos_later(*arguments, **more):
    return await asyncio.to_thread(tos, *arguments, **more)


def test_the_command_pairs_and_dev_uses_the_key_by_itself(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def test():
        async with SecureFake() as fake:
            refused = await tos_later("dev", "get", fake.address)
            assert refused.exit_code == 1 and "356 UNSECURED" in refused.output
            done = await tos_later("pair", fake.code, "--address", fake.address)
            assert done.exit_code == 0 and "fake-1 is paired; you are its owner" in done.output
            again = await tos_later("pair", "--address", fake.address, "--json", input=fake.code + "\n")
            assert json.loads(again.stdout.splitlines()[-1])["new"] is False
            for device in (fake.address, "fake-1"):
                got = await tos_later("dev", "get", device)
                assert got.exit_code == 0 and "20" in got.output
            listed = await tos_later("dev", "peers", "fake-1", "--json")
            [peer] = json.loads(listed.stdout)["peers"]
            assert peer["role"] == "owner"
            gone = await tos_later("dev", "revoke", "fake-1", peer["name"])
            assert gone.exit_code == 0 and Store(tmp_path / ".tos" / "peers").ids() == [] and not fake.peers

    run(test())


def test_what_is_wrong_with_a_code_is_said_with_its_group_and_exits_2(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    good = encode("fake-1", bytes(range(16)))
    wrong = tos("pair", good[:-2] + "??")
    assert wrong.exit_code == 2 and "Group 7" in wrong.output
    assert tos("pair", "nothing.png").exit_code == 2
    lost = tos("pair", good)
    assert lost.exit_code == 3 and "--address" in lost.output
    assert good[-20:] not in wrong.output + lost.output
    assert "tos:v1:" in tos("pair", "--help").output


def test_a_photo_of_the_code_does_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def test():
        async with SecureFake() as fake:
            segno.make(fake.code, error="m").save("code.png", scale=5, border=4)
            done = await tos_later("pair", "code.png", "--address", fake.address)
            assert done.exit_code == 0 and list(fake.peers)

    run(test())


def test_pictures_without_a_code_and_bombs_are_refused(tmp_path):
    import io

    from PIL import Image

    def png(image, kind="PNG"):
        out = io.BytesIO()
        image.save(out, kind)
        return out.getvalue()

    bomb = png(Image.new("1", (20000, 20000)))
    assert len(bomb) < 100_000
    cases = {
        b"": "not a picture",
        b"\x89PNG\r\n\x1a\n" + b"\0" * 50: "not a picture",
        bytes(picture.MOST_B + 1): "larger than",
        bomb: "million pixels",
        png(Image.new("L", (300, 300), 255)): "No QR code",
    }
    out = io.BytesIO()
    segno.make("https://example.org").save(out, kind="png", scale=4)
    cases[out.getvalue()] = "not a pairing code"
    for data, words in cases.items():
        with pytest.raises(picture.PictureError, match=words):
            picture.read(data)
    code = encode("kettle-c0ffee", bytes(range(16)))
    out = io.BytesIO()
    segno.make(code).save(out, kind="png", scale=8)
    photo = Image.open(io.BytesIO(out.getvalue())).convert("RGB").rotate(17, expand=True, fillcolor="grey")
    wide = Image.new("RGB", (3000, 2000), "grey")
    wide.paste(photo, (900, 700))
    assert picture.read(png(wide, "JPEG")) == code
    whole = out.getvalue()
    for cut in range(0, len(whole) - 100, 37):
        with pytest.raises(picture.PictureError):
            picture.read(whole[:cut])


def test_a_simulated_device_is_found_by_the_id_in_its_code(tmp_path, monkeypatch):
    from tosplus import state

    monkeypatch.chdir(tmp_path)
    folder = state.directory("kettle")
    folder.mkdir(parents=True)
    (folder / "flash.bin").touch()
    links = ("127.0.0.1", 5), ("127.0.0.1", 6)
    run = state.Run("kettle", "c0ffee112233", "kettle", "UNIX", 1, 1, os.getpid(), *links, "")
    state.publish(folder, run)
    assert find.by_id("kettle-c0ffee112233") == ("127.0.0.1", 5)
    assert find.by_id("kettle-000000000000") is None
    store = Store(tmp_path / "peers")
    store.expect("kettle-c0ffee112233", some())
    store.prove("kettle-c0ffee112233")
    for name in ("kettle", "kettle-c0ffee112233"):
        assert find.paired(name, store) == "kettle-c0ffee112233"
    assert find.paired("coap://127.0.0.1", store) == "kettle-c0ffee112233"
    assert find.paired("coap://127.0.0.1:7", store) is None
