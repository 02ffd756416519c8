"""`tos ota`, and its bundles beside pycose and beside what a device reads them with."""

import hashlib
import io
import json
import os
import random
import shutil
import stat
import subprocess
from pathlib import Path

import cbor2
import chipware
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from helpers import inflate
from pycose.keys import EC2Key
from pycose.keys.curves import P256
from pycose.messages import Sign1Message
from toscore import cbor, ota_blocks, ota_manifest
from toscore.errors import TosError
from toscore.patch import Patch
from tosplus.build import board as boards
from tosplus.cli import cli
from tosplus.errors import HostError
from tosplus.ota import bundle, delta, keys, pack
from tosplus.sim.process import micropython
from vectors import make_ota

KEY = ec.derive_private_key(0x5EED << 220 | 9, ec.SECP256R1())
PUBLIC = keys.raw(KEY.public_key())
rng = random.Random(11)
OLD = {"app.mpy": rng.randbytes(700), "lib/a.mpy": rng.randbytes(3000), "lib/b/c.mpy": rng.randbytes(1500)}
NEW = {**OLD, "app.mpy": OLD["app.mpy"][:300] + b"fixed" + OLD["app.mpy"][300:], "lib/d.mpy": rng.randbytes(90)}


def made(files, sequence, base=None, **more):
    part = pack.app_part(files, base)
    return bundle.sign(bundle.Bundle("kettle", ("TOS_KETTLE",), sequence, 0, (part,), "1.0", **more), KEY)


FULL = made(OLD, 1)
DELTA = made(NEW, 2, FULL.parts[0])


def message_b(data):
    """Where the first item of CBOR ends; all of what is there when it does not."""
    stream = io.BytesIO(data)
    try:
        cbor2.CBORDecoder(stream, read_size=1).decode()
    except cbor2.CBORDecodeError:
        return len(data)
    return stream.tell()


def taken(data, slots=(PUBLIC, None)):
    """As a device takes a bundle: the manifest, then each part up to its end. What is left over is left."""
    end = message_b(data)
    found = ota_manifest.read(data[:end], list(slots), cbor, inflate)
    for part in found.parts:
        blocks = ota_blocks.Blocks(part)
        blocks.write(data[end : end + part.length])
        if not blocks.whole():
            raise EOFError
        end += part.length
    return found


# Bundles


def test_the_vectors_are_those_that_are_made_here():
    assert make_ota.text() == (make_ota.HERE / "ota.json").read_text(encoding="utf-8")


def test_pycose_verifies_what_the_host_signs():
    for each in (FULL, DELTA):
        protected, unprotected, *rest = cbor2.loads(each.message()).value
        message = Sign1Message.from_cose_obj([protected, dict(unprotected), *rest], True)
        x, y = PUBLIC[:32], PUBLIC[32:]
        message.key = EC2Key(crv=P256, x=x, y=y)
        assert message.verify_signature()
        assert cbor2.loads(message.payload)[1] == "kettle"
        message.payload = message.payload[:-1] + b"!"
        assert not message.verify_signature()


def test_the_host_verifies_what_pycose_signs():
    row = next(row for row in json.loads(Path("tests/vectors/ota.json").read_text())["good"] if row[0] == "one app")
    found = bundle.loads(bytes.fromhex(row[1]) + make_ota.APP)
    assert (found.product, found.sequence, found.floor) == ("kettle", 7, 5)
    bundle.verify(found, make_ota.SIGNERS[0].public)
    with pytest.raises(HostError, match="and not with"):
        bundle.verify(found, PUBLIC)


def test_a_device_reads_what_the_host_signs():
    for each in (FULL, DELTA):
        found = ota_manifest.read(each.message(), [None, PUBLIC], cbor, inflate)
        assert (found.product, found.hardware, found.signer) == (each.product, list(each.hardware), 1)
        assert [part.hashes for part in found.parts] == [bundle.hashes(part.data) for part in each.parts]
        assert [tuple(part.files) for part in found.parts] == [part.files for part in each.parts]
        assert taken(each.dumps()).sequence == each.sequence


def test_a_delta_becomes_the_new_release():
    part = DELTA.parts[0]
    assert part.base == FULL.parts[0].content and len(part.data) < 300
    out = bytearray()
    base = FULL.parts[0].data
    patch = Patch(lambda at, n: base[at : at + n], lambda data: out.extend(bytes(data)), len(base), part.content_b)
    patch.feed(inflate(part.data, 1 << 20))
    patch.finish()
    assert hashlib.sha256(out).digest() == part.content and bytes(out) == b"".join(NEW.values())


def test_a_delta_that_is_no_smaller_is_not_made():
    part = pack.app_part({"app.mpy": rng.randbytes(500)}, FULL.parts[0])
    assert part.base is None and len(part.data) == 500


def test_deltas_are_those_of_detools():
    rows = json.loads(Path("tests/vectors/patches.json").read_text())
    for name, base, new, patch in rows:
        assert delta.patch(bytes.fromhex(base), bytes.fromhex(new)).hex() == patch, name


def test_the_same_content_and_key_give_the_same_bytes():
    assert made(NEW, 2, FULL.parts[0]).dumps() == DELTA.dumps()
    assert bundle.loads(DELTA.dumps()) == DELTA and bundle.loads(FULL.dumps()) == FULL


def test_every_truncation_is_refused_on_both_sides():
    data = DELTA.dumps()
    for n in range(len(data)):
        with pytest.raises(HostError):
            bundle.loads(data[:n])
        with pytest.raises((TosError, EOFError)):
            taken(data[:n])
    with pytest.raises(HostError, match="follow"):
        bundle.loads(data + b"\0")


def test_damage_is_found_on_both_sides():
    for each in (FULL, DELTA):
        data = each.dumps()
        end = len(each.message())
        for at in [*range(end), *rng.sample(range(end, len(data)), 90)]:
            broken = bytearray(data)
            broken[at] ^= 1 << (at & 7)
            with pytest.raises(HostError):
                bundle.verify(bundle.loads(bytes(broken)), PUBLIC)
            with pytest.raises(TosError):
                taken(bytes(broken))


def test_a_manifest_that_no_device_would_take_is_not_made():
    part = pack.app_part({f"lib/{rng.randbytes(26).hex()}.mpy": b"1" for _ in range(150)})
    with pytest.raises(HostError, match="a device takes 4096"):
        bundle.Bundle("kettle", ("TOS_KETTLE",), 1, 0, (part,), "").message()
    with pytest.raises(HostError, match="171 files, and a device takes 170"):
        pack.app_part({f"{i}.mpy": b"1" for i in range(171)})
    with pytest.raises(HostError, match="a name that a device does not take"):
        pack.app_part({"lib/küche.mpy": b"1"})
    with pytest.raises(HostError, match="a name that a device does not take"):
        pack.app_part({f"lib/{61 * 'a'}": b"1"})


def test_the_largest_manifest_that_is_made_is_taken():
    part = pack.app_part({f"lib/{i:03}.mpy": b"1" for i in range(170)})
    signed = bundle.sign(bundle.Bundle("kettle", ("TOS_KETTLE",), 1, 0, (part,), "1" * 32, {1: PUBLIC}), KEY)
    assert len(list(taken(signed.dumps()).parts[0].files)) == 170


def test_firmware_of_a_megabyte_has_its_hashes_in_a_table_that_the_manifest_has_the_hashes_of():
    """Which is how they fit into a manifest."""
    image = rng.randbytes((1 << 20) + 100)
    parts = (FULL.parts[0], pack.firmware_part(image))
    signed = bundle.sign(bundle.Bundle("kettle", ("TOS_KETTLE",), 1, 0, parts, ""), KEY)
    assert bundle.loads(signed.dumps()) == signed and signed.parts[1].content_b == len(image)
    end = len(signed.message())
    found = ota_manifest.read(signed.message(), [PUBLIC, None], cbor, inflate).parts[1]
    assert (found.table_b, found.length) == (32 * 257, 32 * 257 + len(image))
    data = signed.dumps()[end + FULL.parts[0].content_b :]
    table, rest = data[: found.table_b], data[found.table_b :]
    assert rest == image and bundle.hashes(table) == found.hashes and bundle.hashes(image) == table
    for at in (0, found.table_b - 1, found.table_b, len(data) - 1):
        broken = bytearray(signed.dumps())
        broken[len(broken) - len(data) + at] ^= 1
        with pytest.raises(HostError, match=r"firmware.*is damaged"):
            bundle.loads(bytes(broken))


def test_an_unsigned_bundle_is_seen_to_be_one():
    unsigned = bundle.Bundle("kettle", ("TOS_KETTLE",), 1, 0, FULL.parts, "")
    assert not bundle.loads(unsigned.dumps()).is_signed
    with pytest.raises(HostError, match="not signed"):
        bundle.verify(unsigned, PUBLIC)


# The command


def command_in(folder, monkeypatch):
    """-> tos(*arguments, input=) -> click's result, in this folder with kettle.py, and key.pem without a passphrase."""
    monkeypatch.chdir(folder)
    (folder / "kettle.py").write_text("from tos import App\n\napp = App('kettle', needs=('relay',))\n")
    keys.generate(Path("key.pem"), None)

    def run(*arguments, input=None):
        return CliRunner().invoke(cli, ["ota", *arguments], input=input, prog_name="tos")

    return run


@pytest.fixture
def tos(tmp_path, monkeypatch):
    return command_in(tmp_path, monkeypatch)


def packed(tos, name, *arguments, app="kettle.py"):
    done = tos("pack", app, "--board", "UNIX", "--key", "key.pem", "--out", name, "--json", *arguments)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_from_key_to_a_verified_delta(tos):
    first = packed(tos, "1.tosb", "--sequence", "1")
    assert first["product"] == "kettle" and first["hardware"] == ["UNIX"] and first["size_b"] > 40000
    paths = [file["path"] for file in first["parts"][0]["files"]]
    assert "app.mpy" in paths and "lib/tos/app.mpy" in paths and not {"boot.py", "main.py"} & set(paths)
    assert paths == sorted(paths)
    Path("kettle.py").write_text(Path("kettle.py").read_text() + "\nfixed = True\n")
    second = packed(tos, "2.tosb", "--base", "1.tosb", "--label", "1.1")
    assert second["sequence"] == 2 and second["parts"][0]["base"] == first["parts"][0]["content"]
    assert second["size_b"] < first["size_b"] // 50
    assert tos("verify", "2.tosb", "--key", "key.pub.pem").stdout.startswith("good: kettle 1.1, sequence 2")
    shown = tos("inspect", "2.tosb").stdout
    assert "a delta to" in shown and "lib/tos/app.mpy" in shown and first["kid"] in shown


def test_firmware_is_packed_beside_the_app_from_either_of_its_files(tos):
    image = chipware.image("esp32", 20000)
    Path("app.bin").write_bytes(image)
    Path("whole.bin").write_bytes(chipware.firmware("esp32", 20000)[1])
    for name in ("app.bin", "whole.bin"):
        made = packed(tos, "1.tosb", "--sequence", "1", "--firmware", name)
        assert [part["kind"] for part in made["parts"]] == ["app", "firmware"]
        assert made["parts"][1]["content"] == hashlib.sha256(image).hexdigest()
    for board, data, words in (
        ("UNIX", image[:-1] + b"!", "app is damaged"),
        ("UNIX", chipware.image("esp32c3", 20000), "it is for ESP32-C3"),
        ("UNIX", b"text", "there is no app"),
        ("ESP32_GENERIC_S3", image, "it is for ESP32"),
    ):
        Path("bad.bin").write_bytes(data)
        done = tos("pack", "kettle.py", "--board", board, "--out", "x", "--sequence", "1", "--firmware", "bad.bin")
        assert done.exit_code == 1 and words in done.output, done.output


def test_an_app_for_firmware_of_our_own_is_packed_as_a_romfs_that_micropython_mounts(tos):
    done = tos("pack", "kettle.py", "--board", "ESP32_GENERIC", "--frozen", "--out", "1.tosb", "--sequence", "1")
    assert done.exit_code == 0, done.output
    (part,) = bundle.loads(Path("1.tosb").read_bytes()).parts
    assert part.files == (("lib.romfs", len(part.data)),) and len(part.data) < 500
    whole = pack.image({**NEW, "lib/b/c/d.py": b"WORD = 'read'"}, boards.load("TOS_TILL"))["lib.romfs"]
    Path("whole").write_bytes(whole)
    look = "import os, sys, vfs; vfs.mount(vfs.VfsRom(open('whole', 'rb').read()), '/x'); sys.path[:] = ['/x']\n"
    look += "import b.c.d; print(sorted(os.listdir('/x')), os.listdir('/x/b'), b.c.d.WORD)"
    ran = subprocess.run([micropython(), "-c", look], capture_output=True, text=True)
    assert ran.stdout == "['a.mpy', 'app.mpy', 'b', 'd.mpy'] ['c', 'c.mpy'] read\n", ran.stderr


def test_firmware_that_is_too_large_for_its_slot_is_not_packed(tos):
    Path("app.bin").write_bytes(chipware.image("esp32", 1 << 20))
    done = tos("pack", "kettle.py", "--board", "UNIX", "--out", "x", "--sequence", "1", "--firmware", "app.bin")
    assert done.exit_code == 1 and "UNIX has 786432 B for it" in done.output


def test_packing_twice_gives_the_same_bytes(tos):
    packed(tos, "1.tosb", "--sequence", "1")
    packed(tos, "2.tosb", "--sequence", "1")
    assert Path("1.tosb").read_bytes() == Path("2.tosb").read_bytes()


def test_a_bundle_is_signed_elsewhere(tos):
    done = tos("pack", "kettle.py", "--board", "UNIX", "--sequence", "3", "--out", "3.tosb")
    assert "signed    not yet" in done.stdout
    assert "not signed" in tos("verify", "3.tosb", "--key", "key.pub.pem").output
    assert tos("sign", "3.tosb", "--key", "key.pem").exit_code == 0
    assert tos("verify", "3.tosb", "--key", "key.pub.pem").exit_code == 0


def test_a_key_is_guarded_and_never_written_over(tos):
    done = tos("keygen", "mine.pem", input="open sesame\nopen sesame\n")
    assert done.exit_code == 0 and "sesame" not in done.output
    assert stat.S_IMODE(os.stat("mine.pem").st_mode) == 0o600
    before = Path("mine.pem").read_bytes()
    assert b"ENCRYPTED" in before and b"sesame" not in before
    assert "already" in tos("keygen", "mine.pem", "--no-passphrase").output
    assert Path("mine.pem").read_bytes() == before
    packed(tos, "1.tosb", "--sequence", "1")
    wrong = tos("sign", "1.tosb", "--key", "mine.pem", input="close sesame\n")
    assert wrong.exit_code == 1 and "the passphrase is wrong" in wrong.output and "sesame" not in wrong.output
    assert tos("sign", "1.tosb", "--key", "mine.pem", input="open sesame\n").exit_code == 0
    Path("words").write_text("open sesame\n")
    assert tos("sign", "1.tosb", "--key", "mine.pem", "--passphrase-file", "words").exit_code == 0
    assert tos("verify", "1.tosb", "--key", "mine.pub.pem").exit_code == 0


def test_a_rotation_is_in_the_bundle(tos):
    packed(tos, "1.tosb", "--sequence", "1")
    tos("keygen", "next.pem", "--no-passphrase")
    given = packed(tos, "2.tosb", "--base", "1.tosb", "--new-key", "1", "next.pub.pem")
    assert given["keys"] == {"1": keys.kid(keys.load_public(Path("next.pub.pem"))).hex()}
    assert packed(tos, "3.tosb", "--base", "1.tosb", "--revoke", "1")["keys"] == {"1": None}
    assert "key slot  1: revoked" in tos("inspect", "3.tosb").stdout


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """A folder with two of them, and files that are none or are damaged."""
    folder = tmp_path_factory.mktemp("releases")
    with pytest.MonkeyPatch.context() as monkeypatch:
        tos = command_in(folder, monkeypatch)
        packed(tos, "5.tosb", "--sequence", "5")
        Path("kettle.py").write_text(Path("kettle.py").read_text() + "\nfixed = True\n")
        packed(tos, "6.tosb", "--base", "5.tosb")
        data = Path("5.tosb").read_bytes()
        Path("torn.tosb").write_bytes(data[:-100])
        Path("bent.tosb").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        Path("bare.py").write_text("x = 1\n")
        Path("named.py").write_text("from tos import App\napp = App(NAME)\n")
        Path("empty").write_text("")
        p384 = ec.generate_private_key(ec.SECP384R1())
        Path("p384.pem").write_bytes(
            p384.private_bytes(
                keys.serialization.Encoding.PEM,
                keys.serialization.PrivateFormat.PKCS8,
                keys.serialization.NoEncryption(),
            )
        )
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("pack", "kettle.py", "--board", "UNIX", "--out", "x"), 2, "say which --sequence"),
        (("pack", "kettle.py", "--board", "UNIX", "--out", "x", "--base", "5.tosb", "--sequence", "5"), 2, "above 5"),
        (("pack", "kettle.py", "--board", "UNIX", "--out", "x", "--sequence", "5", "--floor", "6"), 2, "--floor 6"),
        (("pack", "kettle.py", "--board", "UNIX", "--out", "x", "--sequence", "5", "--label", "a\nb"), 2, "--label"),
        (("pack", "lamp", "--board", "UNIX", "--out", "x", "--base", "5.tosb"), 1, "the base is of kettle on UNIX"),
        (("pack", "kettle.py", "--board", "UNIX", "--out", "x", "--base", "6.tosb"), 1, "holds a delta itself"),
        (("pack", "kettle.py", "--board", "UNIX", "--out", "no/x", "--sequence", "5"), 1, "no/x: No such file"),
        (("pack", "none.py", "--board", "UNIX", "--out", "x", "--sequence", "5"), 2, "no app none.py"),
        (("pack", "bare.py", "--board", "UNIX", "--out", "x", "--sequence", "5"), 1, "has no App"),
        (("pack", "named.py", "--board", "UNIX", "--out", "x", "--sequence", "5"), 1, "named.py:2: an update needs"),
        (("sign", "5.tosb", "--key", "key.pub.pem"), 1, "no private key in PEM"),
        (("sign", "5.tosb", "--key", "p384.pem"), 1, "with a P-256 key"),
        (("sign", "key.pem", "--key", "key.pem"), 1, "this is no bundle"),
        (("verify", "5.tosb", "--key", "key.pem"), 1, "is a private key; give the public one, key.pub.pem"),
        (("verify", "5.tosb", "--key", "kettle.py"), 1, "no public key in PEM"),
        (("verify", "torn.tosb", "--key", "key.pub.pem"), 1, "the app ends after"),
        (("verify", "bent.tosb", "--key", "key.pub.pem"), 1, "of the app is damaged"),
        (("inspect", "kettle.py"), 1, "this is no bundle"),
        (("keygen", "no/key.pem", "--no-passphrase"), 1, "no/key.pem: No such file"),
        (("keygen", "k.pem", "--passphrase-file", "empty"), 1, "no passphrase in it"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_do(tos, releases, tmp_path, arguments, code, told):
    shutil.copytree(releases, tmp_path, dirs_exist_ok=True)
    data = Path("5.tosb").read_bytes()
    done = tos(*arguments)
    assert done.exit_code == code and told in done.output, done.output
    assert not Path("x").exists() and Path("5.tosb").read_bytes() == data
