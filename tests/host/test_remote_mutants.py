"""Mistakes that somebody could make where one device sets something on another, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

HUB = "tools/tosplus/hub/bindings.py"
REMOTE = "firmware/tos/remote.py"
BY_HUB = "host/hub/test_bindings.py::"
ALONE = "device/test_remote.py::"
WIRE = "host/test_remote.py::"
BUTTON = BY_HUB + "test_the_button_of_one_device_switches_another_and_each_may_no_more_than_the_rule_needs"
KEY = BY_HUB + "test_the_key_is_new_of_their_own_and_not_kept_by_the_hub"

MUTANTS = [
    Mutant(
        "a peer may use all there is", HUB, BUTTON,
        "7: paths[own]}", "7: [row.path for row in self._hub.devices[own].identity.resources]}",
    ),
    Mutant(
        "the key is the hub's own", HUB, KEY,
        "secret, salt = os.urandom(16), os.urandom(8)",
        "secret, salt = self._hub.trust.store.get(pair[0]).context.secret, os.urandom(8)",
    ),
    Mutant(
        "the hub keeps the key", HUB, KEY,
        "await self._keep(pair, Brought(paths, addresses))",
        'await self._keep(pair, Brought(paths, {**addresses, "key": secret.hex()}))',
    ),
    Mutant(
        "a key is used for another binding too", HUB, KEY,
        "secret, salt = os.urandom(16), os.urandom(8)", "secret, salt = bytes(16), bytes(8)",
    ),
    Mutant(
        "it is undone on one side only", HUB, BY_HUB + "test_it_is_undone_on_both_sides_when_the_rule_goes",
        "        for device in devices:\n            if (pair",
        "        for device in devices[:1]:\n            if (pair", waits=True,
    ),
    Mutant(
        "a revocation is the other side's business", "tools/tosplus/hub/web.py",
        BY_HUB + "test_who_revokes_on_one_side_ends_it_on_both[tv]",
        "            await self._hub.bindings.end(device.id, peer)\n", "", waits=True,
    ),
    Mutant(
        "who has moved is called where it was", HUB, BY_HUB + "test_a_device_that_moves_is_called_where_it_is",
        " and brought.addresses == addresses", "", waits=True,
    ),
    Mutant(
        "half a binding counts as one", HUB, BY_HUB + "test_what_is_cut_short_is_finished_or_undone[1]",
        "        await self._keep(pair, Brought())\n        for attempt",
        "        await self._keep(pair, Brought(paths, addresses))\n        for attempt",
    ),
    Mutant(
        "another attempt toggles again", REMOTE,
        ALONE + "test_what_toggles_asks_first_and_then_sets_so_that_nothing_is_toggled_twice",
        "            self._failed(line)\n            return\n        line.pause_ms",
        "            wish.to = None\n            self._failed(line)\n            return\n        line.pause_ms",
    ),
    Mutant(
        "two are on their way", REMOTE, ALONE + "test_one_is_on_its_way_at_a_time_and_the_latest_counts",
        "            if line.asker is None:\n                while", "            if True:\n                while",
    ),
    Mutant(
        "what is on its way outlives its key", REMOTE,
        ALONE + "test_a_peer_that_goes_or_has_another_key_stops_what_is_on_its_way",
        "                line.stop(self._app.clock.ms())\n                line.due = 0", "                line.due = 0",
    ),
    Mutant(
        "a request with an Echo cannot be stopped", "firmware/tos/asker.py",
        WIRE + "test_what_is_on_its_way_to_nobody_ends_when_the_key_is_revoked_or_the_rule_goes",
        "        self.cancel(now, *self._last)\n", "        pass\n",
    ),
    Mutant(
        "a rule may use the key of an owner", REMOTE,
        ALONE + "test_a_rule_has_to_name_a_peer_that_can_be_called",
        "peer is None or peer.role != PEER or peer.address", "peer is None or peer.address",
    ),
    Mutant(
        "a watch sleeps on what it wanted", "firmware/tos/sleep.py",
        WIRE + "test_a_watch_that_wakes_by_its_timer_stays_awake_until_it_is_answered",
        "if app.remote is not None:", "if False:",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mutant_is_caught(mutant, tmp_path):
    said = survives(mutant, tmp_path)
    assert not said, said
