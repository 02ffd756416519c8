"""Keys and cryptograms against the check values of the design and RFC 4493, and secrets at rest."""

import pytest
from tosplus.errors import HostError, UsageFault
from tosplus.tokens import crypto
from tosplus.tokens.tap import BadTap
from tosplus.tokens.vault import VARIABLE, Vault

from .taps import Card

IMK = bytes(range(16))
NUMBER = "9999990000000017"


def test_the_derivation_gives_the_check_values():
    mk = crypto.master_key(IMK, NUMBER, 1)
    luk = crypto.limited_key(mk, 1)
    assert mk.hex() == "bfd723fcc518de05d348b9cc8704a6f9"
    assert luk.hex() == "4075f4c561d7df63a8023279be6bda69"
    assert crypto.session_key(luk, 1).hex() == "dcd7cdfd8ab50ed5c1b4eb23a5112a15"
    keys = crypto.Keys(lambda: {1: IMK})
    assert keys.luk(1, NUMBER, 1, 1) == luk
    assert [keys.session(1, NUMBER, 1, 1, atc) for atc in (1, 1, 2)] == [
        crypto.session_key(luk, atc) for atc in (1, 1, 2)
    ]


@pytest.mark.parametrize(
    ("length", "mac"),
    [(0, "bb1d6929e95937287fa37d129b756746"), (16, "070a16b46b4d4144f79bdd9dd04a287c")]
    + [(40, "dfa66747de9ae63030ca32611497c827"), (64, "51f0bebf7e3b9d92fc49741779363cfe")],
)
def test_cmac_rfc4493(length, mac):
    message = bytes.fromhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    )
    assert crypto.cmac(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), message[:length]).hex() == mac


def test_each_bound_field_that_is_altered_makes_the_cryptogram_wrong():
    luk = crypto.Keys(lambda: {1: IMK}).luk(1, NUMBER, 1, 1)
    tap = Card(NUMBER, luk).tap(1250)
    sk = crypto.session_key(luk, 1)
    assert crypto.right(sk, tap.check().bound, tap.ac)
    for i in range(len(tap.bound)):
        altered = tap.bound[:i] + bytes([tap.bound[i] ^ 1]) + tap.bound[i + 1 :]
        assert not crypto.right(sk, altered, tap.ac), i
    assert not crypto.right(crypto.session_key(luk, 2), tap.bound, tap.ac)


def test_a_tap_says_what_it_is():
    tap = Card(NUMBER, bytes(16), ki=258, dki=7).tap(1250, currency=392, mid="LAUNDRY", tid="WASHER-3").check()
    assert (tap.amount, tap.currency, tap.counter, tap.ki, tap.dki) == (1250, 392, 1, 258, 7)
    assert (tap.merchant, tap.terminal) == (b"LAUNDRY        ", b"WASHER-3")
    assert tap.checked and tap.is_arqc and not tap._replace(cid=0).is_arqc
    assert not tap._replace(iad=b"\x0f\xa6\x07\x80" + tap.iad[4:]).is_arqc


@pytest.mark.parametrize(
    "wrong",
    [{"number": "99999900000000x7"}, {"number": "\u0669" * 16}, {"psn": 100}, {"psn": -1}, {"pdol": bytes(55)}]
    + [{"ac": b""}, {"atc": bytes(2)}, {"atc": b"\x01"}, {"iad": bytes(32)}, {"number": "1' OR '1'='1"}]
    + [{"pdol": bytes(4) + b"\x0a" + bytes(51)}, {"pdol": bytes(23) + b"\xff" + bytes(32)}, {"number": NUMBER + "\n"}],
)
def test_what_is_no_tap_is_refused_before_any_key_is_used(wrong):
    tap = Card(NUMBER, bytes(16)).tap(1)
    with pytest.raises(BadTap):
        tap._replace(**wrong).check()


def test_a_secret_opens_under_its_label_and_its_master_key_alone():
    one, other = Vault([b"1" * 32]), Vault([b"2" * 32])
    sealed = one.seal("imk 1", IMK)
    assert one.open("imk 1", sealed) == IMK and IMK not in sealed
    assert one.seal("imk 1", IMK) != sealed
    damaged = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]
    for vault, label, what in [(other, "imk 1", sealed), (one, "imk 2", sealed)] + [
        (one, "imk 1", what) for what in [*damaged, *(sealed[:n] for n in range(len(sealed)))]
    ]:
        with pytest.raises(HostError, match="does not open"):
            vault.open(label, what)


def test_a_second_master_key_takes_over_from_the_first():
    sealed = Vault([b"1" * 32]).seal("x", IMK)
    both = Vault([b"1" * 32, b"2" * 32])
    again = both.rewrapped("x", sealed)
    assert both.open("x", sealed) == both.open("x", again) == IMK
    assert again[0] == 2 and both.rewrapped("x", again) == again


def test_the_master_key_is_made_once_for_its_owner_alone_and_the_environment_comes_first(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    file = tmp_path / "deep/master"
    sealed = Vault.load(file).seal("x", IMK)
    assert Vault.load(file).open("x", sealed) == IMK
    assert file.stat().st_mode & 0o777 == 0o600 and file.read_text().strip() not in repr(Vault.load(file))
    file.chmod(0o644)
    with pytest.raises(HostError, match="read by others"):
        Vault.load(file)
    monkeypatch.setenv(VARIABLE, "31" * 32)
    assert Vault.load(file).open("x", Vault([b"1" * 32]).seal("x", IMK)) == IMK
    for wrong in ("", "xy", "31" * 16):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(UsageFault):
            Vault.load(file)


def test_keys_are_shown_nowhere():
    keys = crypto.Keys(lambda: {1: IMK})
    keys.session(1, NUMBER, 1, 1, 1)
    assert IMK.hex() not in repr(keys) and repr(keys) == "<Keys [1]>"
