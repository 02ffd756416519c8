"""Mistakes that somebody could make in the access point, its portal, Wi-Fi records and tos provision, each caught."""

import pytest
from mutate import Mutant, some, survives

HOST = "host/test_portal.py::"
PORTAL = "firmware/tos/portal.py"
FALLBACK = "firmware/tos/fallback.py"
OWNED = HOST + "test_a_device_with_an_owner_has_none_until_its_button_is_pressed_and_then_for_ten_minutes"
WRONG = HOST + "test_a_password_that_is_wrong_and_one_that_is_right"
FORM = HOST + "test_only_its_own_form_is_taken"
SILENT = HOST + "test_who_says_nothing_is_not_waited_for_and_keeps_nobody_out"

MUTANTS = [
    Mutant(
        "a probe is answered 204", PORTAL, HOST + "test_every_probe_is_led_to_the_form",
        'await self._redirect(stream, "302 Found")', 'await _send(stream, "204 No Content")',
    ),
    Mutant(
        "a device with an owner is open without its button", "firmware/tos/provision.py", OWNED,
        "return not self.is_paired() or", "return True or",
    ),
    Mutant(
        "the button opens nothing", "firmware/tos/pairing.py", OWNED,
        "self._app.wifi.machine(self._app).press()", "pass",
    ),
    Mutant(
        "it stays open for good", FALLBACK, OWNED, "while machine.is_open() and ", "while ",
    ),
    Mutant(
        "the key is not from the secret", "pairing_code.py", OWNED,
        'hkdf.extract(b"", secret)', 'hkdf.extract(b"", b"")',
    ),
    Mutant(
        "with an owner there is no key", FALLBACK, OWNED,
        "key = app.pairing.access_point_key() if paired and app.pairing else None\n    if paired and key is None:",
        "key = None\n    if False:",
    ),
    Mutant(
        "one that is open stays so when an owner comes", FALLBACK,
        HOST + "test_an_open_access_point_ends_with_the_first_owner_even_if_the_button_is_pressed",
        " and machine.is_paired() == paired", "",
    ),
    Mutant(
        "the page has the password", PORTAL, WRONG,
        "self._ssid = ssid\n", 'self._ssid = ssid + form.get("password", "")\n',
    ),
    Mutant(
        "the log has the password", "firmware/tos/provision.py", WRONG,
        "                self._app.log.event(_WIFI_REFUSED, verdict)\n",
        "                print(password)\n                self._app.log.event(_WIFI_REFUSED, verdict)\n",
    ),
    Mutant(
        "a name may be markup", "firmware/tos/portal_page.py", HOST + "test_a_network_may_have_any_name",
        '.replace("<", "&lt;")', "",
    ),
    Mutant("any form will do", PORTAL, FORM, 'if form.get("token") != self._token:', "if False:"),
    Mutant("any host will do", PORTAL, FORM, 'host != self.authority or path != "/"', 'path != "/"'),
    Mutant("any number may connect", PORTAL, SILENT, "_CONNECTIONS = const(4)", "_CONNECTIONS = const(40)", waits=True),
    Mutant("who is silent is waited for", PORTAL, SILENT, "_EXCHANGE_MS = const(5000)", "_EXCHANGE_MS = const(500000)"),
    Mutant(
        "the portal stays in the heap", "firmware/tos/wifi.py",
        HOST + "test_a_portal_in_use_takes_at_most_48_kilobytes_and_gives_them_back",
        "            drop(*_PORTAL)\n", "            pass\n",
    ),
    Mutant(
        "it looks for networks while somebody fills the form", "firmware/tos/net.py",
        HOST + "test_a_known_network_is_not_looked_for_while_somebody_fills_the_form",
        "elif app.clock.ms() >= self.quiet_until_ms:", "else:",
    ),
    Mutant(
        "a body may have any length", "http.py", "test_http.py::test_a_request_has_bounds",
        " or int(length) > BODY_B", "",
    ),
    Mutant(
        "a head may have any length", "http.py", "test_http.py::test_a_request_has_bounds",
        "        if len(data) > HEAD_B:\n", "        if False:\n",
    ),
    Mutant(
        "a length may be given twice", "http.py",
        "test_http.py::test_what_says_its_length_in_two_ways_or_none_that_can_be_is_refused",
        '("host", "content-length"):\n            raise', '("host",):\n            raise',
    ),
    Mutant(
        "a pointer is taken for a label", "dns.py",
        "test_dns.py::test_a_pointer_in_a_question_is_refused_and_leads_in_no_circle",
        "if size > _LABEL_B:", "if size > 255:",
    ),
    Mutant(
        "a name has no end", "dns.py",
        "test_dns.py::test_a_name_or_a_datagram_that_is_too_long_and_more_questions_are_refused",
        "if at - 12 > _NAME_B:", "if False:",
    ),
    Mutant(
        "a credential reads past its end", "wsc.py", "test_wsc.py::test_an_attribute_ends_within_its_credential",
        "if at + size > end:", "if at + size > len(data):",
    ),
    Mutant(
        "a light stays as it blinked", "firmware/tos/identify.py",
        "host/test_identify.py::test_a_lamp_blinks_for_five_seconds_and_is_as_it_was",
        "        output.drive(off if output.last is None else output.last)\n", "",
    ),
    Mutant(
        "the client takes any checksum", "tools/tosplus/improv.py",
        "host/test_provision.py::test_any_damage_is_no_packet_and_harms_none",
        "elif sum(self._data[: whole - 1]) & 255 != self._data[whole - 1]:", "elif False:",
    ),
]  # fmt: skip


@pytest.mark.parametrize("mutant", some(MUTANTS), ids=str)
def test_a_mistake_in_the_access_point_and_around_it_is_caught(mutant, tmp_path):
    assert not survives(mutant, tmp_path)
