"""Mistakes that somebody could make in the token service, and the test that catches each."""

import pytest
from mutate import Mutant, some, survives

HERE, CODE = "host/tokens/", "tools/tosplus/tokens/"
AUTH, SALES, TILL, HOSTILE = (f"{HERE}test_{name}.py::" for name in ("authorise", "sales", "till", "hostile"))

MUTANTS = [
    Mutant(
        "a counter is not spent", CODE + "authorise.py",
        AUTH + "test_the_same_tap_under_another_key_is_declined_as_used[sqlite]",
        "        if tap.counter in luk.used:\n", "        if False:\n",
    ),
    Mutant(
        "a till may use the terminal of another", CODE + "authorise.py",
        AUTH + "test_a_till_that_uses_the_terminal_of_another_is_declined_and_audited_and_spends_nothing[sqlite]",
        " or tap.terminal != till.terminal.ljust(8).encode():", ":",
    ),
    Mutant(
        "a reversal that comes first is forgotten", CODE + "sales.py",
        AUTH + "test_a_reversal_before_its_authorisation_counts[sqlite]",
        "        connection.execute(tables.reversals.insert().values(id=id, at=now))\n", "        pass\n",
    ),
    Mutant(
        "a reversal takes whatever had that counter", CODE + "sales.py",
        SALES + "test_a_reversal_that_names_its_authorisation_leaves_one_of_another_key_alone[sqlite]",
        "    if key is not None:\n", "    if False:\n",
    ),
    Mutant(
        "a key is good for ever so many taps", CODE + "authorise.py",
        AUTH + "test_a_key_is_good_for_ten_approvals_and_seven_days[sqlite]",
        "held and self.accepted < USES", "held",
    ),
    Mutant(
        "a key never gets too old", CODE + "authorise.py",
        AUTH + "test_a_key_is_good_for_ten_approvals_and_seven_days[sqlite]",
        " and now < self.until", "",
    ),
    Mutant(
        "the clock may go back", CODE + "clock.py",
        AUTH + "test_a_key_is_not_good_again_because_the_clock_was_set_back[sqlite]",
        "self._last = max(self._last, found)", "self._last = found",
    ),
    Mutant(
        "what is held can be spent again", CODE + "authorise.py",
        AUTH + "test_no_more_than_the_account_has_with_what_is_held[sqlite]",
        "holder.posted + self._held.get(holder.id, holder.held) - tap.amount", "holder.posted - tap.amount",
    ),
    Mutant(
        "any request has the answer of its key", CODE + "authorise.py",
        AUTH + "test_a_key_of_another_request_is_a_conflict_and_nothing_else[sqlite]",
        "return earlier[1] if earlier[0] == digest else Conflict(request)", "return earlier[1]",
    ),
    Mutant(
        "a suspended token pays", CODE + "authorise.py",
        AUTH + "test_suspended_at_once_resumed_and_revoked_for_ever[sqlite]",
        "        if token.state == state.SUSPENDED:\n", "        if False:\n",
    ),
    Mutant(
        "an earlier key stays in use", CODE + "wallet.py",
        AUTH + "test_after_the_next_key_the_last_one_is_good_for_taps_from_before_only[sqlite]",
        "    connection.execute(earlier.values(state=state.RETIRED, last=last))\n", "",
    ),
    Mutant(
        "more is refunded than was captured", CODE + "sales.py",
        SALES + "test_refunds_in_parts_up_to_what_was_captured[sqlite]",
        "auth.captured - auth.refunded\n", "auth.captured\n",
    ),
    Mutant(
        "a till refunds for others", CODE + "sales.py", SALES + "test_a_till_voids_and_refunds_its_own_only[sqlite]",
        "(till is None or (auth.merchant, auth.terminal) == (till.merchant, till.terminal))", "True",
    ),
    Mutant(
        "each sale is rounded by itself", CODE + "ledger.py",
        SALES + "test_refunds_in_parts_up_to_what_was_captured[sqlite]",
        "*_parties(terms, currency, net, net - amount)]", "*_parties(terms, currency, amount, 0)]",
    ),
    Mutant(
        "the last of equal remainders wins", CODE + "shares.py",
        HERE + "test_money.py::test_shares_sum_up_to_the_net_and_the_first_of_equal_remainders_wins",
        "(-quotas[i][1], i)", "(-quotas[i][1], -i)",
    ),
    Mutant(
        "a statement's terms are believed", CODE + "recompute.py",
        SALES + "test_a_statement_that_was_altered_anywhere_does_not_hold[sqlite]",
        "    if terms.hash != about[\"hash\"]:\n", "    if False:\n",
    ),
    Mutant(
        "what a tap has suspended stays so on its device", CODE + "results.py",
        HERE + "test_courier.py::test_what_a_declined_tap_has_suspended_on_a_device_is_resumed_there_however_soon",
        "await asyncio.to_thread(self._service.write, functools.partial(_unsure, row.id))", "pass",
    ),
    Mutant(
        "a device that a tap has reached is taken for asleep", CODE + "results.py",
        HERE + "test_courier.py::test_what_a_declined_tap_has_suspended_on_a_device_is_resumed_there_however_soon",
        "            self._awake(row.device)\n", "",
    ),
    Mutant(
        "what a device may have heard is written down when it has answered", CODE + "courier.py",
        HERE + "test_courier.py::test_a_device_that_may_have_heard_of_a_suspension_hears_when_it_is_over[told]",
        "        wallet.told(connection, id, wallet.UNSURE)\n", "",
    ),
    Mutant(
        "what a device was told is forgotten by a restart", CODE + "courier.py",
        HERE + "test_courier.py::test_what_was_told_of_a_token_is_known_after_a_restart_and_told_once",
        "wallet.told(connection, id, what))\n", "None)\n",
    ),
    Mutant(
        "who is told that a token was revoked erases the next one", CODE + "courier.py",
        HERE + "test_courier.py::test_a_token_that_was_revoked_takes_no_other_with_it_and_holds_up_none",
        "    if id == (found[_ID] or found.get(_NEXT_ID)):\n", "    if True:\n",
    ),
    Mutant(
        "a suspension comes too late for a key on its way", CODE + "wallet.py",
        HERE + "test_courier.py::test_suspended_while_a_key_is_on_its_way_it_is_never_told_to_use_it",
        "    row = token(connection, id)\n    _is_open(row)\n    _to(", "    row = token(connection, id)\n    _to(",
    ),
    Mutant(
        "secrets are kept as they are", CODE + "parties.py",
        HERE + "test_api.py::test_secrets_are_in_no_table_and_no_answer_but_one[sqlite]",
        'return hashlib.sha256(secret.encode(errors="replace")).hexdigest()', "return secret",
    ),
    Mutant(
        "every credential may do everything", CODE + "api.py",
        HERE + "test_api.py::test_each_operation_is_for_its_scopes_and_for_nobody_without_a_credential[sqlite]",
        "        if who.scope not in one.scopes:\n", "        if False:\n",
    ),
    Mutant(
        "a full disk is a fault of the service's own", CODE + "service.py",
        HERE + "test_full.py::test_a_full_disk_is_told_and_the_same_key_goes_on_when_there_is_room[sqlite]",
        "raise _unavailable(e) from None\n            time", "raise\n            time",
    ),
    Mutant(
        "nobody writes down that the disk is full", CODE + "service.py",
        HERE + "test_full.py::test_a_full_disk_is_told_and_the_same_key_goes_on_when_there_is_room[sqlite]",
        '_log.error("%s: %s", words, e.orig)', "pass",
    ),
    Mutant(
        "all of a day's taps are an hour's", CODE + "reading.py",
        AUTH + "test_limits_of_a_tap_a_day_and_an_hour[sqlite]",
        ".filter(_a.at > _HOUR)", "",
    ),
    Mutant(
        "who is alone waits for others", CODE + "group.py", HERE + "test_group.py::test_who_is_alone_waits_for_nobody",
        "if len(waiting) < self._due else 0", "", waits=True,
    ),
    Mutant(
        "each transaction is begun with whoever is there", CODE + "group.py",
        HERE + "test_group.py::test_those_who_were_answered_share_the_next_transaction_with_those_who_wait",
        "        self._due = len(batch) + self._queue.qsize()\n", "",
    ),
    Mutant(
        "a till says itself which one it is", CODE + "wire.py",
        TILL + "test_a_till_that_uses_the_terminal_of_another_is_declined",
        "service.authorise(till, key.hex(), tap)",
        "service.authorise(till._replace(terminal=pdol[48:].decode().strip()), key.hex(), tap)",
    ),
    Mutant(
        "a device without a credential is served", CODE + "coap.py",
        TILL + "test_a_device_that_is_no_till_and_one_whose_credential_has_ended_are_told_so[sqlite]",
        "            if till is None:\n            ",
        '            till = till or wire.Till("x", "CAMPUS", "TILL-1")\n            if False:\n            ',
    ),
    Mutant(
        "an ended credential is as good as before", CODE + "tills.py",
        TILL + "test_a_device_that_is_no_till_and_one_whose_credential_has_ended_are_told_so[sqlite]",
        "    .where(tables.credentials.c.revoked_at.is_(None))\n", "",
    ),
    Mutant(
        "a restart forgets what was received", CODE + "contexts.py",
        TILL + "test_a_datagram_that_is_repeated_is_not_answered_again_and_after_a_restart_an_echo_is_wanted",
        "super().__init__(Context(*paired), Path())", "super().__init__(Context(*paired), Path(), known=True)",
    ),
    Mutant(
        "the replay window is off", CODE + "coap.py",
        TILL + "test_a_datagram_that_is_repeated_is_not_answered_again_and_after_a_restart_an_echo_is_wanted",
        "            inner, asked = context.unprotect(request)\n",
        "            inner, asked = context.unprotect(request)\n"
        "            context.recipient_replay_window.initialize_empty()\n",
    ),
    Mutant(
        "an answer has the number of its request", CODE + "coap.py",
        TILL + "test_no_number_is_used_twice_by_courier_till_restart_or_another_process[sqlite]",
        "        asked.can_reuse_nonce = False", "        pass",
    ),
    Mutant(
        "two processes have one number", CODE + "contexts.py",
        TILL + "test_threads_and_processes_that_send_with_one_key_never_have_the_same_number",
        "values(sent=sent + _AHEAD)", "values(sent=sent)",
    ),
    Mutant(
        "a tap that somebody repeats is told to its card as declined", CODE + "wire.py",
        TILL + "test_the_card_hears_its_result_once_and_the_till_does_not_wait_for_it",
        " and a.reason not in NOT_COUNTED", "",
    ),
    Mutant(
        "a house pays in", CODE + "operations.py",
        HERE + "test_api.py::test_a_house_reads_suspends_and_resumes_and_may_nothing_else[sqlite]",
        '"/v1/accounts/{account}/topups", _O,', '"/v1/accounts/{account}/topups", _OH,',
    ),
    Mutant(
        "the audit log says numbers of tokens", CODE + "service.py",
        HOSTILE + "test_no_key_secret_or_number_is_in_a_log_an_answer_an_error_or_the_audit[sqlite]",
        """_NUMBER.sub(r"...\\1", str(asked))""", "str(asked)",
    ),
    Mutant(
        "nobody hears of a till that looks for the sales of another", CODE + "service.py",
        HOSTILE + "test_by_http_a_till_that_uses_the_terminal_of_another_is_declined_and_audited[sqlite]",
        "except (Refused, Missing) as e:", "except Refused as e:",
    ),
    Mutant(
        "a reversal by JSON takes whatever had that counter", CODE + "operations.py",
        HOSTILE + "test_a_reversal_by_json_may_name_its_authorisation_and_leaves_another_alone[sqlite]",
        "b.atc, now, b.key)", "b.atc, now)",
    ),
    Mutant(
        "a key of a reversal is a pattern", CODE + "sales.py",
        HOSTILE + "test_a_reversal_by_json_may_name_its_authorisation_and_leaves_another_alone[sqlite]",
        ", autoescape=True", "",
    ),
    Mutant(
        "a restart forgets how late it was", CODE + "service.py",
        HOSTILE + "test_with_its_clock_set_back_a_day_at_noon_a_business_day_goes_on_and_its_statements_hold[sqlite]",
        "Clock(self._latest(), ", "Clock(0.0, ",
    ),
    Mutant(
        "the hub lets anybody pair with the token service", "tools/tosplus/hub/relay.py",
        "host/hub/test_relay.py::test_what_is_for_the_token_service_goes_there_and_comes_back_as_it_was",
        " and options.uri_host != _TOKENS", "",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_in_the_token_service_is_found(mutant, tmp_path):
    assert survives(mutant, tmp_path) == ""
