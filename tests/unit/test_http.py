"""Requests and forms of a captive portal, as phones send them and as nobody should."""

from helpers import raises
from toscore import http
from toscore.errors import WireError

GET = b"GET /hotspot-detect.html?x=1 HTTP/1.0\r\nHost: captive.apple.com\r\nConnection: close\r\n\r\n"
FORM = b"token=0011&ssid=home+is+%E2%98%95&other=&password=100%25+%26%3D%2b"
POST = (
    b"POST / HTTP/1.1\r\nHost: 192.168.4.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"CONTENT-LENGTH:  %d \r\n\r\n" % len(FORM)
) + FORM


def lines(*fields):
    return b"\r\n".join((b"GET / HTTP/1.1",) + fields) + b"\r\n\r\n"


def test_requests():
    assert http.request(GET) == ("GET", "/hotspot-detect.html", "captive.apple.com", 0, len(GET))
    assert http.request(POST) == ("POST", "/", "192.168.4.1", len(FORM), len(POST) - len(FORM))
    assert http.request(lines()) == ("GET", "/", "", 0, 18)
    assert http.request(lines(b"Host: 192.168.4.1:8080", b"X-Empty:"))[2] == "192.168.4.1:8080"


def test_an_absolute_target_says_which_host():
    for target, path, host in (
        (b"http://Example.com/a?b", "/a", "example.com"), (b"HTTP://a.b", "/", "a.b"), (b"http://a.b/", "/", "a.b"),
    ):  # fmt: skip
        assert http.request(b"GET " + target + b" HTTP/1.1\r\nHost: other\r\n\r\n")[1:3] == (path, host)


def test_a_head_that_is_not_whole_waits_for_more():
    for n in range(len(GET)):
        assert http.request(GET[:n]) is None
    for n in range(len(POST) - len(FORM)):
        assert http.request(POST[:n]) is None


def test_what_is_malformed_is_refused():
    for first in (
        b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/2", b"GET x HTTP/1.1", b"GET * HTTP/1.1", b" / HTTP/1.1", b"",
        b"G T / HTTP/1.1", b"G\xc3T / HTTP/1.1", b"GET /\x00 HTTP/1.1", b"GET / HTTP/1.1\nHost: a", b"GET / HTTP/1.1 ",
        b"CONNECT a:80 HTTP/1.1", b"G(T / HTTP/1.1", b"GET /\xe2\x98\x95 HTTP/1.1",
    ):  # fmt: skip
        raises(WireError, http.request, first + b"\r\nHost: a\r\n\r\n")
    for field in (b"Host", b"Host : a", b" folded", b": a", b"Ho\x00st: a", b"A: b\rc", b"A: b\nHost: c", b"A\x7f: b"):
        raises(WireError, http.request, lines(field))
        raises(WireError, http.request, lines(b"Host: a", field))


def test_what_says_its_length_in_two_ways_or_none_that_can_be_is_refused():
    for length in (b"-1", b"+1", b"x", b"", b"1 1", b"1,1", b"0x10", b"1e2", b"99999999999999999999"):
        raises(WireError, http.request, lines(b"Content-Length: " + length))
    raises(WireError, http.request, lines(b"Content-Length: 1", b"content-length: 1"))
    raises(WireError, http.request, lines(b"Transfer-Encoding: chunked"))
    raises(WireError, http.request, lines(b"Host: a", b"Host: a"))


def test_a_request_has_bounds():
    assert http.request(lines(b"Content-Length: %d" % http.BODY_B))[3] == http.BODY_B
    raises(WireError, http.request, lines(b"Content-Length: %d" % (http.BODY_B + 1)))
    long = b"GET / HTTP/1.1\r\nA: " + b"a" * http.HEAD_B
    assert http.request(long[: http.HEAD_B]) is None
    raises(WireError, http.request, long)
    raises(WireError, http.request, long + b"\r\n\r\n")
    assert http.request(lines(*[b"A: b"] * 40))
    raises(WireError, http.request, lines(*[b"A: b"] * 41))
    raises(WireError, http.request, b"GET /" + b"a" * 1024 + b" HTTP/1.1\r\n\r\n")


def test_forms():
    assert http.form(FORM) == {"token": "0011", "ssid": "home is \u2615", "other": "", "password": "100% &=+"}
    assert http.form(b"") == {}
    assert http.form(b"a") == {"a": ""} and http.form(b"a=b=c") == {"a": "b=c"}


def test_a_form_that_cannot_be_is_refused():
    for body in (
        b"a=%", b"a=%4", b"a=%4g", b"a=%g4", b"a=% 4", b"a=%+4", b"a=%-1", b"a=%ff", b"a=%c3%28", b"a=1&a=2",
        b"&".join([b"%d=" % n for n in range(9)]), b"a=" + b"b" * http.BODY_B,
    ):  # fmt: skip
        raises(WireError, http.form, body)
    assert len(http.form(b"&".join([b"%d=" % n for n in range(8)]))) == 8
