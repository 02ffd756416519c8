"""Mistakes that somebody could make in whom a device trusts, and the test that catches each, over the wire.

Those that only a power cut shows are in tests/crash/test_trusted.py.
"""

import pytest
from mutate import Mutant, some, survives

TRUST = "host/test_trust.py::"
ROLES = "host/test_roles.py::"
TABLE = ROLES + "test_a_role_may_do_what_the_table_says_and_nothing_else"
PAIRING = "firmware/tos/pairing.py"
PAIR = "firmware/tos/pair.py"
PEERS = "firmware/tos/peers.py"
TABLE_OF = "firmware/tos/roles.py"
RULES = "firmware/tos/trust.py"

MUTANTS = [
    Mutant(
        "openness is not checked", PAIR, TRUST + "test_with_an_owner_only_two_minutes_after_the_button",
        "_ROLES if left_ms else ()", "_ROLES",
    ),
    Mutant(
        "a new device takes any role", PAIR, TRUST + "test_without_an_owner_only_an_owner_may_come",
        "return (OWNER,) if left_ms is None", "return _ROLES if left_ms is None",
    ),
    Mutant(
        "the button opens for ever", PAIRING, TRUST + "test_with_an_owner_only_two_minutes_after_the_button",
        "_OPEN_MS = const(120000)", "_OPEN_MS = const(1200000)",
    ),
    Mutant(
        "five seconds reset", PAIRING, TRUST + "test_ten_seconds_of_the_button_make_it_new",
        "_RESET_MS = const(10000)", "_RESET_MS = const(5000)",
    ),
    Mutant(
        "a button that hangs resets", PAIRING,
        TRUST + "test_a_button_that_is_down_from_the_start_on_neither_opens_nor_resets",
        "        is_new = False\n        while True:", "        is_new = True\n        while True:",
    ),
    Mutant(
        "a reset keeps the secret", "firmware/tos/reset.py", TRUST + "test_ten_seconds_of_the_button_make_it_new",
        '("pairing",) + ', "",
    ),
    Mutant(
        "the role is not checked", PEERS, TABLE + "[control]",
        "            roles.check(peer.role, peer.paths, code, path)\n", "            pass\n",
    ),
    Mutant(
        "paths are compared from their beginning", TABLE_OF, TABLE + "[peer]",
        'path[2:] in paths:', '[p for p in paths if path[2:].startswith(p)]:',
    ),
    Mutant(
        "what begins like a path is one", TABLE_OF, TABLE + "[input]",
        "may is None or path in may or", "may is None or [p for p in may if path.startswith(p)] or",
    ),
    Mutant(
        "a control may write rules", TABLE_OF, TABLE + "[control]", '("s", "s/", "i")', '("s", "s/", "b", "i")',
    ),
    Mutant(
        "a hub lets an owner go", RULES, TABLE + "[hub]", "known.role != PEER and by.role == HUB", "False",
    ),
    Mutant(
        "what a hub brings may be an owner", RULES, ROLES + "test_what_is_no_peer_is_refused_and_changes_nothing",
        "if role != PEER or not", "if not",
    ),
    Mutant(
        "a hub brings another in the place of who has paired", RULES,
        ROLES + "test_what_is_no_peer_is_refused_and_changes_nothing",
        "    if known is not None and known.role != PEER:\n        raise Denied(_ROLE, name)\n    if not isinst",
        "    if not isinst",
    ),
    Mutant(
        "who is revoked keeps its context", RULES,
        TRUST + "test_who_is_revoked_is_refused_at_once_and_hears_nothing_more",
        "        raise StoreError(_STORE_FAILED, e.errno)\n    peers.forget(peer)\n",
        "        raise StoreError(_STORE_FAILED, e.errno)\n",
    ),
    Mutant(
        "who is revoked goes on hearing", RULES,
        TRUST + "test_who_is_revoked_is_refused_at_once_and_hears_nothing_more",
        "plain if o.seal is None else o.seal[0] in contexts", "True",
    ),
    Mutant(
        "everybody may read /p", PEERS, TRUST + "test_nobody_learns_who_is_paired_in_the_clear",
        "(code, path) not in _OPEN", '(code, path) not in _OPEN and path != "p"',
    ),
    Mutant(
        "a new key is asked for an Echo", PEERS,
        TRUST + "test_a_new_device_shows_its_code_and_who_has_it_becomes_the_owner_at_once",
        "        if peer.is_new:\n", "        if False:\n",
    ),
    Mutant(
        "a half-open exchange never makes way", PAIR,
        TRUST + "test_an_exchange_that_is_half_open_makes_way_after_three_seconds",
        "_PATIENCE_MS = const(3000)", "_PATIENCE_MS = const(30000)",
    ),
    Mutant(
        "any m1 ends the exchange of another", PAIR,
        TRUST + "test_an_exchange_that_is_half_open_makes_way_after_three_seconds",
        "self._work is not None or now < self._patient_until", "self._work is not None",
    ),
    Mutant(
        "an m3 from elsewhere ends the exchange", PAIR, TRUST + "test_an_m3_from_elsewhere_ends_no_exchange",
        "            if not self._machine.busy(now):  # else it came from elsewhere\n                self._patient",
        "            if True:\n                self._machine = None\n                self._patient",
    ),
    Mutant(
        "the code stays on the screen", PAIRING,
        TRUST + "test_a_display_shows_the_code_until_there_is_an_owner_or_something_else_to_show",
        "            display.drive(\"\")\n", "            pass\n",
    ),
    Mutant(
        "anybody may read the console's log", "tools/tosplus/sim/console.py",
        TRUST + "test_the_console_log_is_for_its_owner_alone",
        "    os.fchmod(file.fileno(), 0o600)\n", "",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_in_trust_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
