"""`tos till` in parts: its terminal against the device's card and till, its book, what it says to the service."""

import itertools
import json
import os

import cbor2
import httpx
import issuer
import pytest
from click.testing import CliRunner
from host.test_card import Device
from test_card import Tap
from toscore.terminal import Sale
from tosplus import money
from tosplus.cli import cli
from tosplus.errors import HostError, Unreachable, UsageFault
from tosplus.till import pcsc, receipt, tap
from tosplus.till.book import Book, opened
from tosplus.till.sale import Sale as Taken
from tosplus.till.sale import Terminal, Till
from tosplus.till.service import VARIABLE, Denied, TokenService, connected

EUR = money.BY_CODE["EUR"]
WHERE = Terminal("CAMPUS", "TILL-1", EUR, 1, 10)
APPROVED = {0: True, 1: 0, 2: b"\0\x80\0\0", 3: bytes(8), 4: "5f2c", 5: "A1B2C3"}


def card(purse=None):
    """-> what sends it a command, and the list of its answers."""
    answers, device = [], Tap(purse or Device())

    def send(capdu):
        status, data = device.send(capdu)
        answers.append(data + status.to_bytes(2, "big"))
        return answers[-1]

    return send, answers


def service(*answers):
    """-> a TokenService that is answered so, a map or a status or nothing (None); and [(path, map), ...] it said."""
    said, left, clock = [], iter(answers), itertools.count()

    def answer(request):
        said.append((request.url.path, cbor2.loads(request.content)))
        told = next(left)
        if told is None:
            raise httpx.ReadTimeout("nobody")
        return httpx.Response(200, content=cbor2.dumps(told)) if isinstance(told, dict) else httpx.Response(told)

    http = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://127.0.0.1")
    return TokenService(http, lambda: next(clock), lambda s: None), said


@pytest.fixture
def book(tmp_path):
    with opened(tmp_path) as made:
        yield made


def test_it_asks_what_the_devices_own_till_would_ask():
    for amount in (1, 7, 29, 1999, 2500):
        date, number = "261121", bytes((1, 2, 3, amount & 255))
        theirs, (send, answers) = Sale("CAMPUS", "TILL-1  ", amount, date, number), card()
        answer = b""
        while (command := theirs.step(answer)) is not None:
            answer = send(command)
        again = iter(answers)

        def replayed(capdu, again=again):
            return next(again)

        asked = tap.pdol("CAMPUS", "TILL-1", amount, 978, date, number)
        tap.choose(replayed)
        made = tap.ask(replayed, asked)
        tap.check(replayed, made, date)
        assert made.request == theirs.request and (made.token, made.atc) == (theirs.token, theirs.atc)
        assert next(again, None) is None


def taken(answers):
    """What becomes of a tap whose card answers so."""
    left = iter(answers)
    tap.choose(lambda capdu: next(left))
    made = tap.ask(lambda capdu: next(left), bytes(56))
    tap.check(lambda capdu: next(left), made, "261121")


def test_whatever_a_card_answers_instead_is_refused_or_malformed():
    send, answers = card()
    tap.choose(send)
    tap.check(send, tap.ask(send, tap.pdol("CAMPUS", "TILL-1", 7, 978, "261121", b"abcd")), "261121")
    taken(answers)
    for n, whole in enumerate(answers):
        cut = [whole[:size] + b"\x90\x00" for size in range(len(whole) - 2)]
        flipped = [bytes((*whole[:i], whole[i] ^ bit, *whole[i + 1 :])) for i in range(len(whole)) for bit in (1, 128)]
        for wrong in cut:
            with pytest.raises((tap.Malformed, tap.Refused)):
                taken([*answers[:n], wrong, *answers[n + 1 :], b"\x6a\x83"])
        for other in flipped:  # some of it is data
            try:
                taken([*answers[:n], other, *answers[n + 1 :], b"\x6a\x83"])
            except (tap.Malformed, tap.Refused):
                pass


@pytest.mark.parametrize(
    ("status", "words"),
    [(0x6985, "is not ready to pay"), (0x6986, "confirm on the device"), (0x6A82, "does not pay here")],
)
def test_a_card_that_refuses_says_what_the_customer_can_do(status, words):
    with pytest.raises(tap.Refused, match=words):
        tap.choose(lambda capdu: status.to_bytes(2, "big"))


def test_no_answer_is_asked_for_again_with_the_same_key_and_then_taken_back(book):
    for answers, state, count in (
        ((None, 503, APPROVED), "approved", 3),
        ((None,) * 40, "reversing", 10),
        ((401,), "reversing", 1),
        (({0: True, 1: 0},), "reversing", 1),
        (({**APPROVED, 0: False, 1: 3},), "declined", 1),
    ):
        asked, said = service(*answers)
        key = Taken(book, asked, lambda words: None, WHERE, 7).tap(card()[0])
        assert book.get(key).state == state
        assert len(said) == count and {told[0] for _, told in said} == {key}


def test_what_is_owed_is_told_with_its_own_key_until_it_is_answered(book):
    asked, said = service(*[None] * 13, {0: True, 1: 0})
    till = Till(book, asked, lambda words: None)
    key = Taken(book, asked, lambda words: None, WHERE, 7).tap(card()[0])
    said.clear()
    while till.owed():
        till.settle()
    row = book.get(key)
    reversal = {0: row.ending, 1: issuer.NUMBER, 2: 1, 3: key}
    assert row.state == "reversed" and row.token == "0017" and row.ending != key
    assert len(said) > 1 and all(one == ("/y/reverse", reversal) for one in said)


def test_before_the_card_is_asked_the_sale_is_written_down_and_before_the_service_is_its_reversal(book, tmp_path):
    states, (real, _) = [], card()

    def looks():
        other = Book(tmp_path)
        states.append([(row.state, row.token, row.atc) for row in other.latest(9)])
        other.close()

    def send(capdu):
        if capdu[1] == 0xA8:
            looks()
        return real(capdu)

    asked, _ = service(APPROVED)
    asks = asked.authorise
    asked.authorise = lambda *about: looks() or asks(*about)
    Taken(book, asked, lambda words: None, WHERE, 7).tap(send)
    assert states == [[("begun", None, None)], [("asks", issuer.NUMBER, 1)]]


def test_a_till_that_starts_again_takes_back_what_was_asked_and_forgets_what_was_not(book):
    begun, asks = book.begin("sale", "EUR", 7), book.begin("sale", "EUR", 8)
    book.tapped(asks, issuer.NUMBER, 1)
    book.recover()
    assert (book.get(begun).state, book.get(asks).state) == ("lost", "reversing")
    assert [row.key for row in book.owed()] == [asks]


def test_a_refund_without_an_answer_is_repeated_with_its_key_and_no_other_is_begun(book):
    key = book.begin("sale", "EUR", 700)
    book.tapped(key, issuer.NUMBER, 1)
    book.answered(key, "approved", 0, "5f2c", "A1B2C3")
    asked, said = service(None, None, {0: True, 1: 0, 4: "5f2c"}, {0: False, 1: 14})
    till = Till(book, asked, lambda words: None)
    assert till.undo("refund", "5f2c", "2.50").state == "owed"
    with pytest.raises(Unreachable, match="on its way"):
        till.undo("refund", "5f2c", "2.50")
    till.settle()
    assert till.owed() == 1
    till.settle()
    assert till.owed() == 0 and len(said) == 3 and all(one == said[0] for one in said)
    assert said[0] == ("/y/refund", {0: said[0][1][0], 1: "5f2c", 2: 250})
    over = till.undo("refund", "5f2c", "0.29")
    assert over.amount == 29 and receipt.outcome(over) == "refused: there is not enough in the account"
    for number, text, words in (("77", "1", "no sale"), ("5f2c", "0.00", "nothing"), ("5f2c", "0.001", "2 digits")):
        with pytest.raises(UsageFault, match=words):
            till.undo("refund", number, text)


def test_two_tills_do_not_share_a_list(book, tmp_path):
    with pytest.raises(HostError, match="another till"), opened(tmp_path):
        pass


def test_its_secret_is_from_a_file_of_its_owner_or_the_environment_and_only_over_a_safe_way(tmp_path, monkeypatch):
    file = tmp_path / "secret"
    file.write_text("abc" * 8 + "\n")
    monkeypatch.delenv(VARIABLE, raising=False)
    file.chmod(0o640)
    for url, secret, words in (
        ("http://127.0.0.1:1", None, VARIABLE),
        ("http://127.0.0.1:1", file, "can be read by others"),
        ("http://192.0.2.1:1", file, "https"),
        ("127.0.0.1", file, "an address is"),
    ):
        with pytest.raises(HostError, match=words), connected(url, secret, None):
            pass
    file.chmod(0o600)
    monkeypatch.setenv(VARIABLE, "def" * 8)
    for secret in (None, file):
        with connected("http://127.0.0.1:1", secret, None) as found, pytest.raises(Unreachable) as e:
            found.ask("/y/auth", {})
        assert "abc" not in str(e.value) and "def" not in str(e.value)


def test_a_service_that_declines_says_why_to_a_person():
    for status, words in ((401, "secret"), (403, "not a till"), (422, "422")):
        with pytest.raises(Denied, match=words):
            service(status)[0].ask("/y/auth", {})


def test_without_pcscd_or_its_library_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(pcsc, "_LIBRARY", "libpcsc-of-nobody.so")
    done = CliRunner().invoke(cli, ["till", "readers"])
    assert done.exit_code == 1 and "apt-get install pcscd" in done.stderr


def test_wrong_words_are_told_without_a_traceback(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "abc" * 8)
    take = ("take", "--merchant", "CAMPUS", "--terminal", "TILL-1")
    for arguments, words in (
        ((*take, "1.234"), "2 digits"),
        ((*take, "0"), "nothing"),
        ((*take, "0.1e1"), "no amount"),
        ((*take, "1", "--currency", "XXX"), "no currency"),
        (("take", "1", "--merchant", "CAMPUS", "--terminal", "TILL-0001"), "1 to 8"),
        (("take", "1", "--merchant", "", "--terminal", "TILL-1"), "1 to 15"),
        (("void", "77"), "no sale"),
    ):
        done = CliRunner().invoke(cli, ["till", *arguments])
        assert done.exit_code == 2 and words in done.stderr, done.output
    assert json.loads(CliRunner().invoke(cli, ["till", "list", "--json"]).stdout) == []
    assert os.stat(".tos/till").st_mode & 0o077 == 0
