"""Mistakes that somebody could make in multicast DNS, and the unit test that catches each. MicroPython."""

import pytest
from mutate import Mutant, some, survives

MUTANTS = [
    Mutant(name, "mdns.py", f"test_mdns.py::test_{caught_by}", old, new)
    for name, caught_by, old, new in (
        (
            "its own packets are answered", "its_own_packets_come_back_and_are_ignored",
            " or data in self._own:", ":",
        ),
        (
            "records are multicast as often as one asks",
            "section_6_a_record_is_multicast_once_a_second_and_who_asks_meanwhile_waits",
            "            self._multicast(now, self._rested(now, self._pending, self._apart_ms))",
            "            self._multicast(now, self._pending)",
        ),
        (
            "additional records are multicast each time",
            "section_6_a_record_is_multicast_once_a_second_and_who_asks_meanwhile_waits",
            "more = self._rested(now, _additional(mask), _AGAIN_MS)", "more = _additional(mask)",
        ),
        (
            "a probe brings pointers more often", "section_6_a_name_in_danger_is_defended_after_250_ms",
            "(_AGAIN_MS if 1 << i & _POINTERS else apart_ms)", "apart_ms",
        ),
        (
            "answers to one are not bounded", "answers_to_one_are_bounded_whoever_asks",
            "if self._unicasts <= _UNICASTS:", "if True:",
        ),
        (
            "what is known is said again", "section_7_1_what_the_asker_knows_is_not_said_again",
            "        mask &= ~known\n        if mask:\n            wait_ms", "        if mask:\n            wait_ms",
        ),
        (
            "what is known but old is not refreshed", "section_7_1_what_the_asker_knows_is_not_said_again",
            " and found[3] * 2 >= r[3]", "",
        ),
        (
            "a conflict while it asks is ignored", "section_8_1_a_name_that_another_has_is_left_to_it",
            "                    self.n = self.n % _MOST_N + 1\n", "                    pass\n",
        ),
        (
            "a conflict later is ignored", "section_9_who_loses_a_name_that_it_had_probes_again_and_then_takes_another",
            "and ttl and (kind == r[1] or not self._owned):", "and ttl and not self._owned:",
        ),
        (
            "both of two that ask at once go on",
            "section_8_2_of_two_that_ask_at_once_the_lexicographically_later_goes_on",
            "if theirs and theirs > ours:", "if False:",
        ),
        (
            "the same records are rivals too",
            "section_8_2_of_two_that_ask_at_once_the_lexicographically_later_goes_on",
            "theirs > ours:", "theirs >= ours:",
        ),
        (
            "a goodbye has a TTL", "section_10_1_goodbye_is_an_announcement_with_a_ttl_of_zero",
            "self._packet(_ANNOUNCED, 0, 0)", "self._packet(_ANNOUNCED, 0, None)",
        ),
        (
            "shared records flush the others'",
            "section_8_three_probes_250_ms_apart_then_two_announcements_a_second_apart",
            "(_SERVICE, _PTR, _IN, _LONG_S, instance)", "(_SERVICE, _PTR, own, _LONG_S, instance)",
        ),
        (
            "a response may come from any port", "a_goodbye_or_a_response_from_another_port_is_no_conflict",
            "            if port == PORT:  # section 6\n", "            if True:\n",
        ),
        (
            "a simple resolver sees the cache-flush bit",
            "section_6_7_a_simple_resolver_is_answered_as_by_a_plain_dns_server",
            "                where &= ~_FLUSH\n", "                pass\n",
        ),
        (
            "pointers are followed for longer", "a_chain_of_pointers_is_followed_for_8_jumps",
            "jumps == _JUMPS:", "jumps == 200:",
        ),
        (
            "names may have any length", "names_have_255_bytes_at_most",
            " or len(out) > _NAME_B:", ":",
        ),
        (
            "packets may have any number of items", "a_packet_has_128_items_at_most",
            "asked + answers + authorities + more > _ITEMS:", "False:",
        ),
        (
            "what is not there is not denied", "section_6_1_what_our_names_have_not_is_denied",
            "mask |= found or denial", "mask |= found",
        ),
        (
            "names are compared with their case", "section_16_names_are_compared_without_case",
            "questions.append((name.lower(), kind, where))", "questions.append((name, kind, where))",
        ),
    )
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_in_multicast_dns_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
