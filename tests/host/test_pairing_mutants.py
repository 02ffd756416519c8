"""Mistakes that somebody could make in P-256 and in pairing, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

P256 = "test_p256.py::"
PAIRING = "test_pairing.py::"

MUTANTS = [
    Mutant(
        "x is not checked to be on the curve", "p256.py", P256 + "test_points_of_small_order_on_the_twist_are_refused",
        "if not is_x(x):", "if len(x) != SIZE_B:",
    ),
    Mutant(
        "x may be more than p", "p256.py", P256 + "test_what_is_no_x_of_the_curve_is_refused",
        "return x < P and pow", "return pow",
    ),
    Mutant(
        "n is a scalar", "p256.py", P256 + "test_scalars_outside_1_to_n_minus_1_are_refused",
        "not 0 < k < N", "not 0 < k <= N",
    ),
    Mutant(
        "any 32 bytes are a scalar", "p256.py", P256 + "test_a_drawn_scalar_is_in_range",
        'if 0 < int.from_bytes(data, "big") < N:', "if True:",
    ),
    Mutant(
        "the ladder's length depends on the scalar", "p256.py", P256 + "test_keys_and_ecdh_as_another_library_has_them",
        "(3 * N, 2 * N)[(k + 2 * N) >> 257]", "2 * N",
    ),
    Mutant(
        "the ladder swaps by its bit", "p256.py", P256 + "test_keys_and_ecdh_as_another_library_has_them",
        "q = pair[bit ^ last]\n        t = pair[bit ^ last ^ 1]", "q = pair[bit]\n        t = pair[bit ^ 1]",
    ),
    Mutant(
        "the ladder skips a step", "p256.py", P256 + "test_keys_and_ecdh_as_another_library_has_them",
        "        d = q - t\n", "        if i == 255 and not bit:\n            continue\n        d = q - t\n",
    ),
    Mutant(
        "the ladder does more for a bit that is set", "p256.py",
        "host/test_p256.py::test_every_scalar_takes_the_same_operations",
        "        d = q - t\n", "        if bit:\n            q = (q + t - t) % P\n        d = q - t\n",
    ),
    Mutant(
        "two runs work on the same numbers", "p256.py", "host/test_p256.py::test_two_runs_work_on_other_numbers",
        'z = int.from_bytes(draw(rng), "big")', "z = int(7)",
    ),
    Mutant(
        "a key may be on another curve", "ecdsa.py", P256 + "test_signatures_as_another_library_judges_them",
        " or y * y % P != right(x)", "",
    ),
    Mutant(
        "a key's x may be more than p", "ecdsa.py", P256 + "test_signatures_as_another_library_judges_them",
        "x >= P or y >= P", "y >= P",
    ),
    Mutant(
        "r is not checked", "ecdsa.py", P256 + "test_signatures_as_another_library_judges_them",
        "0 < r < N and ", "",
    ),
    Mutant(
        "s is not checked", "ecdsa.py", P256 + "test_signatures_as_another_library_judges_them",
        " and 0 < s < N", "",
    ),
    Mutant(
        "an x beyond n is forgotten", "ecdsa.py", P256 + "test_signatures_as_another_library_judges_them",
        "or (r + N < P and px == (r + N) * pz % P)", "",
    ),
    Mutant(
        "equal points add up to infinity", "ecdsa.py", P256 + "test_signatures_as_another_library_judges_them",
        "_double(x, y, z) if b == 0 else (1, 1, 0)", "(1, 1, 0)",
    ),
    Mutant(
        "the MAC is not compared", "pairing.py",
        PAIRING + "test_every_truncation_and_flipped_bit_of_m3_is_refused_and_ends_the_exchange",
        "if different:", "if False:",
    ),
    Mutant(
        "15 bytes of the MAC are compared", "pairing.py",
        PAIRING + "test_every_truncation_and_flipped_bit_of_m3_is_refused_and_ends_the_exchange",
        "for i in range(_MAC_B):", "for i in range(_MAC_B - 1):",
    ),
    Mutant(
        "the MAC of m2 does not cover m1", "pairing.py", PAIRING + "test_the_vectors_of_the_host",
        "second += _mac(key, _M2, first + second)", "second += _mac(key, _M2, second)",
    ),
    Mutant(
        "the MAC of m3 does not cover m2", "pairing.py", PAIRING + "test_the_vectors_of_the_host",
        "_mac(key, _M3, first + second + _M3_HEAD)", "_mac(key, _M3, first + _M3_HEAD)",
    ),
    Mutant(
        "both MACs have one label", "pairing.py", PAIRING + "test_the_vectors_of_the_host",
        '_M3 = b"tos:v1 m3"', '_M3 = b"tos:v1 m2"',
    ),
    Mutant(
        "the secret is not in the key", "pairing.py", PAIRING + "test_a_wrong_secret_shows_with_m3_only",
        "self._secret + agreed", "agreed",
    ),
    Mutant(
        "the ECDH is not in the key", "pairing.py", PAIRING + "test_the_vectors_of_the_host",
        "self._secret + agreed", "self._secret",
    ),
    Mutant(
        "a nonce is used again", "pairing.py", PAIRING + "test_nonces_and_keys_are_new_each_time",
        "own_nonce = rng(_NONCE_B)", 'own_nonce = b"0123456789abcdef"',
    ),
    Mutant(
        "an ephemeral key is used again", "pairing.py", PAIRING + "test_nonces_and_keys_are_new_each_time",
        "scalar = p256.draw(self._rng)", 'scalar = b"0123456789abcdef" * 2',
    ),
    Mutant(
        "a mirror is talked to", "pairing.py", PAIRING + "test_a_mirror_is_refused",
        "if own_x == x or own_nonce == nonce:", "if False:",
    ),
    Mutant(
        "a second exchange replaces the first", "pairing.py",
        PAIRING + "test_a_second_exchange_is_told_to_wait_and_the_first_goes_on",
        "        if self.busy(now_ms):\n", "        if False:\n",
    ),
    Mutant(
        "an exchange never ends by itself", "pairing.py", PAIRING + "test_an_exchange_ends_by_itself",
        "now_ms >= self._running.ends_ms", "False",
    ),
    Mutant(
        "after a wrong m3 comes another", "pairing.py",
        PAIRING + "test_every_truncation_and_flipped_bit_of_m3_is_refused_and_ends_the_exchange",
        "        exchange = self._running\n        self._running = None\n", "        exchange = self._running\n",
    ),
    Mutant(
        "m3 may come from elsewhere", "pairing.py", PAIRING + "test_m3_must_come_from_where_m1_came",
        "or self._running.peer != peer", "",
    ),
    Mutant(
        "any role can be had", "pairing.py", PAIRING + "test_a_role_that_may_not_be_had_is_refused",
        "if role not in roles:", "if False:",
    ),
    Mutant(
        "any version will do", "pairing.py", PAIRING + "test_an_unknown_version_is_refused_whatever_else_it_has",
        "if fields[0] != VERSION:", "if False:",
    ),
    Mutant(
        "a peer gets the id that the device has", "pairing.py", PAIRING + "test_ids_are_new_and_differ",
        "if id != taken and id not in ids:", "if id not in ids:",
    ),
    Mutant(
        "a peer gets the id of another", "pairing.py", PAIRING + "test_ids_are_new_and_differ",
        "if id != taken and id not in ids:", "if id != taken:",
    ),
    Mutant(
        "the answer leaves before the peer is kept", "pairing.py",
        PAIRING + "test_the_peer_is_kept_before_the_device_answers_and_not_without",
        "        self._keep(*paired)\n", "",
    ),
    Mutant(
        "the check character leaves the id out", "pairing_code.py", PAIRING + "test_codes_of_the_vectors",
        "check(device_id + text)", "check(text)",
    ),
    Mutant(
        "the check character is ignored", "tools/tosplus/link/pairing_code.py",
        "host/test_pairing.py::test_every_mistyped_character_is_noticed",
        "if not _same(last, check(device_id + secret)):", "if False:",
    ),
    Mutant(
        "the host does not compare the MAC", "tools/tosplus/link/pair.py",
        "host/test_pairing.py::test_every_damage_to_m2_is_refused_by_the_host",
        "if not hmac.compare_digest(", "if False and hmac.compare_digest(",
    ),
    Mutant(
        "the host talks to a mirror", "tools/tosplus/link/pair.py",
        "host/test_pairing.py::test_what_is_sent_back_is_refused",
        "x == self._x or nonce == self._nonce or ", "",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_in_pairing_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
