"""tos explain opens OSCORE messages: RFC 8613 appendix C.4 to C.8, from either side, and shows no key."""

import json
from pathlib import Path

import cbor2
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from tosplus.cli import cli
from tosplus.errors import UsageFault
from tosplus.link.explain import explain
from tosplus.link.oscore import Context, Option, option

VECTORS = json.loads(Path("tests/vectors/oscore_rfc8613_c.json").read_text())
MESSAGES = {message["name"]: message for message in VECTORS["messages"]}
CONTEXTS = {context["name"]: context for context in VECTORS["contexts"]}
REQUEST = MESSAGES["C.4 request"]["protected"]
KEYS = ("master_secret", "master_salt", "sender_key", "recipient_key", "common_iv")


def context(name, mirrored=False):
    vector = CONTEXTS[name]
    sender, recipient = bytes.fromhex(vector["sender_id"]), bytes.fromhex(vector["recipient_id"])
    return Context(
        bytes.fromhex(vector["master_secret"]),
        bytes.fromhex(vector["master_salt"]),
        *((recipient, sender) if mirrored else (sender, recipient)),
        bytes.fromhex(vector["id_context"]) if "id_context" in vector else None,
    )


@pytest.mark.parametrize("name", CONTEXTS)
def test_rfc8613_c1_to_c3_key_derivation(name):
    vector, derived = CONTEXTS[name], context(name)
    assert derived.derive(derived.sender, "Key", 16).hex() == vector["sender_key"]
    assert derived.derive(derived.recipient, "Key", 16).hex() == vector["recipient_key"]
    assert derived.derive(b"", "IV", 13).hex() == vector["common_iv"]


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", [name for name in MESSAGES if "request" in name])
def test_rfc8613_c4_to_c6_requests(name, mirrored):
    message = MESSAGES[name]
    found = explain(message["protected"], context=context(message["context"], mirrored))
    assert found.data["code"] == "POST" and found.data["inner"]["code"] == "GET"
    assert found.data["inner"]["options"] == [["Uri-Path", "tv1"]]
    assert ("kid context h'37cbf3210017a2d3'" in found.data["options"][1][1]) == ("kid context" in name)
    assert found.data["options"][1][1].startswith("partial IV h'14' (20), kid h'")


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("name", ["C.7 response to C.4", "C.8 response to C.4 with partial IV 0"])
def test_rfc8613_c7_and_c8_responses(name, mirrored):
    found = explain(MESSAGES[name]["protected"], context=context("C.1.1 client", mirrored), request=REQUEST)
    assert found.data["inner"] == {"options": [], "payload": "Hello World!", "code": "2.05 Content"}
    assert found.data["options"] == [["OSCORE", "partial IV h'00' (0)" if "C.8" in name else "empty"]]


def test_without_a_context_only_the_outside_is_shown():
    found = explain(REQUEST)
    assert "inner" not in found.data and found.data["payload"] == "612f1092f1776f1c1668b3825e"


@pytest.mark.parametrize("bit", range(13 * 8))
def test_what_was_altered_does_not_open(bit):
    frame = bytearray.fromhex(REQUEST)
    frame[len(frame) - 13 + bit // 8] ^= 1 << bit % 8
    with pytest.raises(UsageFault, match="does not open"):
        explain(frame.hex(), context=context("C.1.1 client"))


def test_another_context_or_request_does_not_open():
    response = MESSAGES["C.7 response to C.4"]["protected"]
    with pytest.raises(UsageFault, match="give the OSCORE request"):
        explain(response, context=context("C.1.1 client"))
    with pytest.raises(UsageFault, match="give the OSCORE request"):
        explain(response, context=context("C.1.1 client"), request="40010001")
    with pytest.raises(UsageFault, match="does not open"):
        explain(response, context=context("C.1.1 client"), request=REQUEST.replace("0914", "0915"))
    with pytest.raises(UsageFault, match="does not open"):
        explain(REQUEST, context=context("C.3.1 client, id context"))
    with pytest.raises(UsageFault, match="neither sender nor recipient"):
        explain(REQUEST, context=context("C.2.1 client, no salt"))
    with pytest.raises(UsageFault, match="kid context"):
        explain(MESSAGES["C.6 request with kid context"]["protected"], context=context("C.1.1 client"))


def protected(this, code, option_value, by, asked, plain):
    """A frame that `this` opens, made here: the outer code, the OSCORE option, and plain encrypted."""
    external = cbor2.dumps([1, [10], asked.kid, asked.partial_iv, b""])
    cipher = AESCCM(this.derive(by, "Key", 16), tag_length=8)
    nonce = this.nonce(asked.kid, asked.partial_iv)
    hidden = cipher.encrypt(nonce, plain, cbor2.dumps(["Encrypt0", b"", external]))
    return (bytes([0x40, code, 0, 1, 0x90 | len(option_value)]) + option_value + b"\xff" + hidden).hex()


def test_what_is_inside_has_the_names_of_its_path():
    this = context("C.1.1 client")
    asked = option(b"\x09\x15")
    request = protected(this, 2, b"\x09\x15", this.sender, asked, b"\x01\xb1d")
    answer = protected(this, 0x44, b"", this.recipient, asked, b"\x45\xc1\x3c\xff" + cbor2.dumps({0: "kettle-1"}))
    found = explain(answer, context=this, request=request)
    assert found.data["inner"]["payload"] == '{/id/ 0: "kettle-1"}'
    refusal = protected(this, 0x44, b"", this.recipient, asked, b"\x84\xff331 lid")
    assert explain(refusal, context=this, request=request).data["inner"]["word"]["name"] == "NO_SUCH_PATH"


def test_the_option_taken_apart():
    assert option(b"") == Option(None, None, None)
    assert option(b"\x08") == Option(None, b"", None)
    assert option(bytes.fromhex("0914")) == Option(b"\x14", b"", None)
    assert option(bytes.fromhex("19140837cbf3210017a2d3ab")) == Option(
        b"\x14", b"\xab", bytes.fromhex("37cbf3210017a2d3")
    )
    assert option(bytes.fromhex("050102030405")) == Option(bytes(range(1, 6)), None, None)
    assert option(bytes.fromhex("1000")) == Option(None, None, b"")


@pytest.mark.parametrize(
    "value", ["20", "80", "06", "0e000000000000", "02aa", "1902", "1002aa", "10", "0114aa", "00aa"]
)
def test_a_malformed_option_is_told(value):
    with pytest.raises(UsageFault, match="not an OSCORE option"):
        option(bytes.fromhex(value))


def test_a_context_is_read_from_a_file_and_its_keys_never_show(tmp_path):
    vector = CONTEXTS["C.3.1 client, id context"]
    file = tmp_path / "context.json"
    names = {"secret": "master_secret", "salt": "master_salt", "sender": "sender_id", "recipient": "recipient_id"}
    file.write_text(
        json.dumps({**{key: vector[name] for key, name in names.items()}, "id_context": "37cbf3210017a2d3"})
    )
    frame = MESSAGES["C.6 request with kid context"]["protected"]
    run = CliRunner(env={"TOS_CONTEXT": str(file)})
    for arguments in ((frame,), (frame, "--json"), (frame[:-2] + "00",), ("--context", str(file), frame)):
        done = run.invoke(cli, ("explain", *arguments))
        assert done.exit_code == (2 if frame not in arguments else 0), done.output
        assert not any(vector[key] in done.output for key in KEYS)
    assert "tv1" in done.output
    shown = repr(Context.read(file))
    assert not any(vector[key] in shown or repr(bytes.fromhex(vector[key])) in shown for key in KEYS)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"secret": "5ec7e7", "salt": "xyz", "sender": "", "recipient": "01"}']
    + ['{"secret": "5ec7e7", "sender": "", "recipient": "01", "more": ""}', '{"secret": "5ec7e7", "sender": ""}']
    + ['{"secret": 5, "sender": "", "recipient": "01"}', '{"secret": "5ec7e7", "sender": "01", "recipient": "01"}']
    + ['{"secret": "5ec7e7", "sender": "0102030405060708", "recipient": "01"}'],
)
def test_a_file_that_is_no_context_is_told_without_its_content(tmp_path, text):
    file = tmp_path / "context.json"
    file.write_text(text)
    with pytest.raises(UsageFault) as refused:
        Context.read(file)
    assert "5ec7e7" not in str(refused.value)
    with pytest.raises(UsageFault, match="No such file"):
        Context.read(tmp_path / "none.json")
