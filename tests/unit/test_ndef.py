"""NDEF messages, from NFC Forum's NDEF 1.0 and URI RTD 1.0; beside ndeflib in host/test_tag.py."""

from binascii import unhexlify

from helpers import raises
from toscore import ndef
from toscore.errors import WireError

# URI RTD 1.0 appendix A.1 and A.2.
NFC_COM = unhexlify("d1010855016e66632e636f6d")
PHONE = unhexlify("d1010d55052b3335383931323334353637")


def test_records_of_the_standard():
    assert ndef.records(NFC_COM) == [(ndef.WELL_KNOWN, b"U", b"\x01nfc.com")]
    assert ndef.records(PHONE) == [(ndef.WELL_KNOWN, b"U", b"\x05+35891234567")]
    assert ndef.message([(ndef.WELL_KNOWN, b"U", b"\x01nfc.com")]) == NFC_COM


def test_there_and_back():
    for payload_b in (0, 1, 255, 256, 300):
        rows = [(ndef.MEDIA, b"application/x", bytes(payload_b)), ndef.uri("tos:v1:kettle"), (ndef.MEDIA, b"a/b", b"x")]
        assert ndef.records(ndef.message(rows)) == rows


def test_an_id_and_an_empty_record_are_passed_by():
    assert ndef.records(unhexlify("d9010101556900")) == [
        (ndef.WELL_KNOWN, b"U", b"\x00")
    ]
    assert ndef.records(unhexlify("d00000")) == []


def test_each_truncation_and_each_byte_too_many_is_refused():
    whole = ndef.message([(ndef.MEDIA, b"a/b", bytes(300)), ndef.uri("tos:v1")])
    for n in range(len(whole)):
        assert raises(WireError, ndef.records, whole[:n]).code == 360
    assert raises(WireError, ndef.records, whole + b"\x00").code == 360


def test_chunks_a_second_beginning_and_lengths_beyond_the_end_are_refused():
    for bad in (
        "f101015500",  # a chunk
        "510101" + "5500",  # no beginning
        "91010155009101015500",  # two beginnings
        "d70100" + "55",  # a TNF that is reserved
        "c101ffffffff5500",  # a length beyond the end
        "d00001" + "00",  # an empty record that is none
    ):
        assert raises(WireError, ndef.records, unhexlify(bad)).code == 360
    assert raises(WireError, ndef.records, b"\x91\x01\x00U" + b"\x11\x01\x00U" * 20).code == 360
