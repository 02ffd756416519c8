"""Mistakes that somebody could make on the host's side of trust, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

PAIR, TRUST, RELAY = "host/test_pair.py::", "host/hub/test_trust.py::", "host/hub/test_relay.py::"
LINK, HUB = "tools/tosplus/link/", "tools/tosplus/hub/"

MUTANTS = [
    Mutant(
        "everybody may read the keys", "tools/tosplus/durable.py",
        PAIR + "test_keys_are_for_their_owner_alone_and_shown_nowhere",
        "        os.replace(name, file)\n", "        os.chmod(name, 0o644)\n        os.replace(name, file)\n",
    ),
    Mutant(
        "a code shows its secret", LINK + "pairing_code.py",
        PAIR + "test_keys_are_for_their_owner_alone_and_shown_nowhere",
        "def __repr__", "def __shown__",
    ),
    Mutant(
        "what is answered in the clear is believed", LINK + "exchange.py",
        PAIR + "test_a_success_in_the_clear_is_worth_nothing",
        "    assert credentials\n", "    assert credentials\n    store.prove(id)\n",
    ),
    Mutant(
        "the key is kept when m3 was answered", LINK + "exchange.py",
        PAIR + "test_what_the_device_has_kept_though_the_host_heard_nothing_is_found_out",
        """  # from m3 on the device may have it
        refused = None
        try:
            await client.post("p", third, _Patient())
""",
        """ if False else None
        refused = None
        try:
            await client.post("p", third, _Patient())
            store.expect(id, Peer(Context(*paired), role, name, told(address)))
""",
    ),
    Mutant(
        "a new key counts from 0", LINK + "credentials.py",
        PAIR + "test_a_second_key_goes_on_counting_where_the_first_one_was",
        'if not _is_number(self._file(id, ".sent")):', "if True:",
    ),
    Mutant(
        "the numbers are not written down", LINK + "secure.py",
        PAIR + "test_a_second_key_goes_on_counting_where_the_first_one_was",
        "                replace(self._sent, str(first + _AHEAD))\n", "",
    ),
    Mutant(
        "a lost counter is a new one", LINK + "credentials.py",
        PAIR + "test_a_key_whose_counter_is_lost_is_not_used_and_goes_before_the_counter_starts_again",
        "        if not sent.exists():\n", "        if False:\n",
    ),
    Mutant(
        "after a restart all numbers are new", LINK + "credentials.py",
        TRUST + "test_after_a_restart_of_the_hub_a_device_reports_with_one_echo_and_is_told_nothing_twice",
        "Credentials(peer.context, sent, known)", "Credentials(peer.context, sent, True)",
    ),
    Mutant(
        "a paired device is heard in the clear", HUB + "report.py",
        TRUST + "test_a_paired_device_is_heard_by_its_key_alone",
        "        if id in self._hub.trust:\n", "        if False:\n",
    ),
    Mutant(
        "any key opens any name", HUB + "report.py",
        TRUST + "test_a_paired_device_is_heard_by_its_key_alone",
        " or request.opt.uri_path not in ((), (id,))", "",
    ),
    Mutant(
        "nobody needs to be paired", HUB + "report.py",
        TRUST + "test_without_plain_nobody_unpaired_is_heard",
        "        elif self._plain:\n", "        elif True:\n",
    ),
    Mutant(
        "a command is gone once it was sent", HUB + "report.py",
        TRUST + "test_a_command_waits_for_a_sleeper_over_a_restart_and_goes_when_it_is_acknowledged",
        "            told[1] = commands\n",
        "            told[1] = commands\n            await hub.executed(device, commands[-1][0])\n",
    ),
    Mutant(
        "ids of commands begin again", HUB + "mailbox.py",
        TRUST + "test_ids_do_not_come_again_for_a_device_that_was_forgotten_or_a_lost_database",
        "        self._count(connection, device, command.id)\n", "",
    ),
    Mutant(
        "an older wish comes after a newer one", HUB + "web.py",
        TRUST + "test_the_latest_wish_for_a_path_counts_and_one_for_a_device_that_woke_is_withdrawn",
        "            await self._hub.now(device, path)\n", "",
    ),
    Mutant(
        "anything is handed on", HUB + "relay.py",
        RELAY + "test_what_is_not_secured_or_not_known_is_not_handed_on",
        "        if not (secured or pairing):\n", "        if False:\n",
    ),
    Mutant(
        "plain is taken from a network", HUB + "serve.py",
        TRUST + "test_plain_is_for_loopback",
        "if options.plain and not is_loopback(coap_host):", "if False:",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_each_mistake_is_caught(mutant, tmp_path):
    assert survives(mutant, tmp_path) == ""
