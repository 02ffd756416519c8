"""Requests, forms, names and Wi-Fi records, damaged: `micropython tests/fuzz/portal_target.py CASES SEED`.

Ends with exit status 1 and the bytes when anything but WireError is raised, when what is read breaks its bounds, when
one takes long, or when memory grows.
"""

import random
import sys
import time
from binascii import hexlify, unhexlify

from driver import Heap, died, fail
from mutate import mutated
from test_dns import EDNS, IP, QUERY, query
from test_http import FORM, GET, POST
from test_wsc import HOME, OPEN, RECORD, credential
from toscore import dns, http, wsc
from toscore.errors import WireError

_TOOK_MS = 500

PHONE = (
    b"POST http://192.168.4.1/?a HTTP/1.1\r\nHost: 192.168.4.1\r\nUser-Agent: " + b"Mozilla/5.0 " * 20 + b"\r\n"
    b"Accept: */*\r\nAccept-Language: en-GB,en;q=0.9\r\nCookie: \r\nContent-Length: 0\r\n\r\n"
)
REQUESTS = (GET, POST, PHONE, b"HEAD / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
FORMS = (FORM, b"ssid=a&password=b", b"%41=%e2%98%95&&+")
QUERIES = (QUERY, QUERY + EDNS, query(b"\x03www\x07example\xc0\x0c", 28), query(b"\x3f" + b"a" * 63 + b"\x00"))
RECORDS = (unhexlify(RECORD), credential(HOME) + credential(OPEN), credential(HOME + "20010000" * 26))


def bounded_request(data):
    found = http.request(data)
    if found:
        method, path, host, length, at = found
        assert path[:1] == "/" and "?" not in path and 0 <= length <= http.BODY_B and at <= http.HEAD_B + 4
        assert data[at - 4 : at] == b"\r\n\r\n" and method and host == host.lower()
    else:
        assert len(data) <= http.HEAD_B


def bounded_form(data):
    found = http.form(data)
    assert len(found) <= 8


def bounded_answer(data):
    answer = dns.answer(data, IP)
    assert answer[:2] == data[:2] and answer[2] & 0x80 and len(answer) <= len(data) + 16


def bounded_networks(data):
    for ssid, password in wsc.networks(data):
        assert 0 < len(ssid.encode()) <= 32 and len(password.encode()) <= 64


KINDS = (
    (bounded_request, REQUESTS, b"\r\n: %/?0123456789GETHh", 4000),
    (bounded_form, FORMS, b"&=%+0123456789abcdef", 1000),
    (bounded_answer, QUERIES, b"\x00\x01\xc0\x0c\x3f\x40\x80", 600),
    (bounded_networks, RECORDS, b"\x10\x0e\x45\x27\x03\x00\x01\x20", 1100),
)


def main(cases, seed):
    random.seed(seed)
    heap = Heap(2000, 500, 4096)
    read = [0] * len(KINDS)
    for n in range(cases):
        kind = n % len(KINDS)
        look, seeds, telling, most = KINDS[kind]
        data = mutated(random, random.choice(seeds), telling, most)
        if n % 37 < 2:
            data = bytes([random.getrandbits(8) for _ in range(random.randint(0, 60))])
        began = time.ticks_ms()
        try:
            look(data)
            read[kind] += 1
        except WireError:
            pass
        except Exception as e:
            died(e, n, seed, data)
        if time.ticks_diff(time.ticks_ms(), began) > _TOOK_MS:
            fail("case %d, seed %d: it took long to read %s" % (n, seed, hexlify(data).decode()))
        if heap.is_due(n):
            data = None
            heap.look()
    heap.check(seed)
    if min(read) < cases // 100 or max(read) > cases // 4 - cases // 100:
        fail("seed %d: of %d each, %s were read" % (seed, cases // 4, read))


main(int(sys.argv[1]), int(sys.argv[2]))
