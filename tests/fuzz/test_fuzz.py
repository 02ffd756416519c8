"""The fuzzers, for as long as `make test` can wait, with seeds that repeat."""

import os
import subprocess

import pytest
from fuzz import fuzz_cbor, fuzz_hub, fuzz_link, fuzz_money, fuzz_tapped, fuzz_till
from tosplus.sim.process import micropython


@pytest.mark.parametrize("seed", [1, 2])
def test_datagrams_into_a_device(seed):
    fuzz_link.fuzz_link(20000, seed)


def test_60000_secured_datagrams_into_a_device_half_of_them_damaged_before_they_were_sealed():
    fuzz_link.fuzz_secured(60000, 1)


def test_secured_messages_into_both_sides():
    fuzz_link.fuzz_oscore(10000, 5)


def test_answers_to_a_fetch():
    fuzz_link.fuzz_fetch(20000, 5)


def test_messages_of_pairings():
    fuzz_link.fuzz_pairing(5000, 6)


def test_who_is_trusted():
    fuzz_link.fuzz_trust(5000, 7)


def test_packets_of_multicast_dns():
    fuzz_link.fuzz_mdns(60000, 7)


def test_bytes_into_a_serial_port():
    fuzz_link.fuzz_improv(10000, 4)


def test_writes_by_bluetooth():
    fuzz_link.fuzz_improv_ble(10000, 5)


def test_manifests_and_patches_of_updates():
    fuzz_link.fuzz_ota(60000, 7)


def test_what_comes_to_a_portal_and_records_of_tags():
    fuzz_link.fuzz_portal(60000, 8)


def test_what_a_pn532_says():
    fuzz_link.fuzz_pn532(6000, 9)


def test_commands_into_a_card():
    fuzz_link.fuzz_card(100000, 4242)


def test_what_a_till_hears():
    fuzz_link.fuzz_counter(15000, 11)


def test_the_coap_decoder_beside_aiocoaps():
    fuzz_link.fuzz_coap(10000, 3)


def test_the_cbor_codec_beside_cbor2():
    fuzz_cbor.fuzz_cbor(3000, 4)


def test_shares_and_ledger_beside_a_naive_implementation():
    fuzz_money.fuzz_money(40000, 9)


def test_what_a_till_says_through_its_hub():
    fuzz_till.fuzz_till(20000, 10)


def test_datagrams_into_the_token_service_damaged_before_or_after_they_were_sealed():
    fuzz_till.fuzz_till_sealed(6000, 11)


def test_traces_of_taps_and_no_tokens_number_in_them():
    fuzz_tapped.fuzz_tapped(3000, 11)


def test_a_leak_is_seen_and_what_comes_and_goes_is_none():
    code = """
from driver import Heap
for leaks in (False, True):
    heap, held = Heap(1000, 100, 2048), []
    for n in range(3000):
        held.append(bytearray(16))
        if not leaks and n % 700 == 0:
            held.clear()
        if heap.is_due(n):
            heap.look()
    print(bool(heap.growth()))
"""
    environment = {**os.environ, "MICROPYPATH": "tests/fuzz"}
    done = subprocess.run([micropython(), "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_4000_datagrams_into_the_hub_a_quarter_of_them_with_a_reserved_flag():
    fuzz_hub.fuzz_hub(4000, 13)
