"""The device's own access point and its portal: when they are there, and what they answer to whom."""

import asyncio
import re
import socket

import dns.message
import dns.query
import dns.rdatatype
import httpx
import pytest
from host.test_products import takes_b
from leaks import Evidence
from soon import soon
from tosplus.link import pairing_code
from tosplus.link.client import Client
from tosplus.link.oscore import Context
from tosplus.sim.device import Device
from tosplus.sim.peer import put_in

HOME = {"ssid": "home", "password": "right one", "rssi_dbm": -50}
ATTIC = {"ssid": "attic", "password": "under the roof", "rssi_dbm": -60, "hidden": True}
ODD = {"ssid": '<b>"x"&\'', "password": None, "rssi_dbm": -85}
MINE = [["home", "right one"]]
OWNER = Context(b"the owner's 16 bytes", b"", b"\x51", b"\x52")

# What Android, ChromeOS, iOS, macOS, Windows, Firefox, GNOME and KDE ask to find out whether they are on the internet.
PROBES = (
    "connectivitycheck.gstatic.com/generate_204", "clients3.google.com/gen_204", "www.msftncsi.com/ncsi.txt",
    "captive.apple.com/hotspot-detect.html", "www.apple.com/library/test/success.html", "networkcheck.kde.org/",
    "www.msftconnecttest.com/connecttest.txt", "www.msftconnecttest.com/redirect", "connectivity-check.ubuntu.com/",
    "detectportal.firefox.com/canonical.html", "detectportal.firefox.com/success.txt?ipv4",
    "nmcheck.gnome.org/check_network_status.txt",
)  # fmt: skip


def device(tmp_path, test, around=(HOME, ATTIC, ODD), plain=False):
    async def main():
        state = tmp_path / "den" / "it"
        async with Device("kettle", state_dir=state, rate=0, access_points=around, plain=plain) as it:
            await it.ready()
            await test(it)

    asyncio.run(main())


async def opened(it, within_ms=40000):
    """-> the access point, once its portal is there."""
    for _ in range(0, within_ms, 1000):
        if it.access_point and "http" in it.access_point:
            return it.access_point
        await it.control("advance", ms=1000)
    raise AssertionError("no access point")


async def stays_closed(it, ms):
    for _ in range(0, ms, 5000):
        await it.control("advance", ms=5000)
        assert it.access_point is None


class Phone:
    """A browser without a face, on the access point."""

    def __init__(self, it):
        self._it = it
        self.authority = "{}:{}".format(*it.access_point["http"])
        self.http = httpx.AsyncClient(base_url=f"http://{self.authority}", trust_env=False)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.http.aclose()

    async def sees(self):
        """The page, as text; what waits is waited for."""
        for _ in range(40):
            answer = await self.http.get("/")
            assert answer.status_code == 200
            if "It tries" not in answer.text:
                return answer.text
            await self._it.control("advance", ms=500)
        raise AssertionError("it tries forever")

    async def sends(self, **fields):
        """-> what the page says then."""
        token = re.search('name="token" value="(.*?)"', await self.sees())[1]
        answer = await self.http.post("/", data={"token": token, "ssid": "", "other": "", "password": "", **fields})
        assert answer.status_code == 303 and answer.headers["location"] == f"http://{self.authority}/"
        return await self.sees()


async def raw(it, data, wait_s=60):
    """What comes back for these bytes, as they are."""
    reader, writer = await asyncio.open_connection(*it.access_point["http"])
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), wait_s)
    except ConnectionError:
        return b""
    finally:
        writer.close()


# When it is there


def test_a_new_device_has_an_open_access_point_as_often_as_it_finds_no_network(tmp_path):
    async def test(it):
        point = await opened(it)
        assert point["ssid"] == f"TOS+ kettle-{(await it.code()).split(':')[2][-6:]}" and point["key"] is None
        await it.control("config", changes={"networks": MINE})
        for _ in range(3):
            await it.control("advance", ms=60000)
            assert it.access_point is None
            await it.control("access_points", list=[])
            await opened(it, 60000)
            await it.control("access_points", list=[HOME])

    device(tmp_path, test)


def test_a_device_with_an_owner_has_none_until_its_button_is_pressed_and_then_for_ten_minutes(tmp_path):
    async def test(it):
        code = await it.code()
        await put_in(it, "me", OWNER)
        await it.control("config", changes={"networks": MINE})
        await it.control("access_points", list=[])
        await stays_closed(it, 120000)
        await it.press("button", 500)
        point = await opened(it)
        assert (point["ssid"], point["key"]) == pairing_code.access_point(pairing_code.parse(code))
        assert len(point["key"]) == 16
        await it.control("advance", ms=9 * 60000)
        assert it.access_point
        await it.control("advance", ms=65000)
        assert it.access_point is None
        await stays_closed(it, 120000)

    device(tmp_path, test, around=())


def test_a_device_on_a_network_opens_none_however_often_its_button_is_pressed(tmp_path):
    async def test(it):
        await put_in(it, "me", OWNER)
        await it.control("config", changes={"networks": MINE})
        await it.control("advance", ms=30000)
        await it.press("button", 500)
        await stays_closed(it, 60000)

    device(tmp_path, test)


def test_an_open_access_point_ends_with_the_first_owner_even_if_the_button_is_pressed(tmp_path):
    async def test(it):
        assert (await opened(it))["key"] is None
        await it.press("button", 500)
        await put_in(it, "me", OWNER)
        for _ in range(20):
            await it.control("advance", ms=500)
            if it.access_point is None or it.access_point["key"]:
                break
        assert (await opened(it))["key"]

    device(tmp_path, test, around=())


def test_the_console_tells_the_key_to_who_pressed_the_button_as_it_tells_the_code(tmp_path):
    async def test(it):
        await put_in(it, "me", OWNER)
        await it.press("button", 500)
        point = await opened(it)
        line = f"Access point: {point['ssid']} key {point['key']}"
        await soon(lambda: line in (it.state_dir / "console.log").read_text())

    device(tmp_path, test, around=())


# What it answers


def test_every_probe_is_led_to_the_form(tmp_path):
    async def test(it):
        await opened(it)
        async with Phone(it) as phone:
            for probe in PROBES:
                host, _, path = probe.partition("/")
                for method in ("GET", "HEAD"):
                    answer = await phone.http.request(method, f"/{path}", headers={"Host": host})
                    assert answer.status_code == 302, probe
                    assert answer.headers["location"] == f"http://{phone.authority}/" and not answer.content
                    assert answer.headers["cache-control"] == "no-store"
            assert "<form" in await phone.sees()
            assert (await phone.http.request("DELETE", "/")).status_code == 405

    device(tmp_path, test)


def test_every_name_is_our_address_for_another_resolver(tmp_path):
    async def test(it):
        host, port = (await opened(it))["dns"]

        def ask(name, kind, **how):
            return dns.query.udp(dns.message.make_query(name, kind, **how), host, 20, port)

        for name in ("captive.apple.com", "a." * 120 + "com", "xn--caf-dma.example", "."):
            for how in ({}, {"use_edns": 0, "payload": 1232, "want_dnssec": True}):
                answer = await asyncio.to_thread(ask, name, "A", **how)
                assert [rr.to_text() for rrset in answer.answer for rr in rrset] == ["127.0.0.1"]
        for kind in ("AAAA", "HTTPS", "TXT"):
            answer = await asyncio.to_thread(ask, "captive.apple.com", kind)
            assert answer.rcode() == 0 and answer.answer == []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for wrong in (b"", b"x", bytes(12), b"\x00\x01\x01\x00\x00\x01" + bytes(6) + b"\xc0\x0c\x00\x01\x00\x01"):
                sock.sendto(wrong, (host, port))
        assert (await asyncio.to_thread(ask, "still.here", "A")).answer

    device(tmp_path, test)


def test_a_password_that_is_wrong_and_one_that_is_right(tmp_path):
    async def test(it):
        await opened(it)
        async with Phone(it) as phone:
            page = await phone.sends(ssid="home", password="wrong one")
            assert "<b>home</b>: the password is wrong." in page and 'value="home" checked' in page
            assert "wrong one" not in page
            assert "<b>nowhere</b>: there is no such network" in await phone.sends(other="nowhere", password="x" * 8)
            assert "<b>home</b>: it wants another kind" in await phone.sends(ssid="home")
            assert "kettle is on <b>attic</b> now" in await phone.sends(other="attic", password="under the roof")
            await it.control("advance", ms=15000)
            assert "kettle is on <b>attic</b>" in await phone.sees()  # and then it ends
        await it.control("advance", ms=15000)
        assert it.access_point is None
        log = (it.state_dir / "console.log").read_text()
        assert "under the roof" not in log and "wrong one" not in log

    device(tmp_path, test)


def test_the_widest_form_is_taken(tmp_path):
    wide = {"ssid": "\u2615" * 10 + "ab", "password": "%&=+ \U0001f511" + "\u00fc" * 27, "rssi_dbm": -40}

    async def test(it):
        await opened(it)
        async with Phone(it) as phone:
            fields = {"other": wide["ssid"], "ssid": wide["ssid"], "password": wide["password"]}
            assert "is on <b>\u2615" in await phone.sends(**fields)

    device(tmp_path, test, around=(wide,))


def test_a_network_may_have_any_name(tmp_path):
    async def test(it):
        await opened(it)
        async with Phone(it) as phone:
            page = await phone.sees()
            assert "<b>&quot;" not in page and 'value="&lt;b&gt;&quot;x&quot;&amp;\'"' in page
            assert "on <b>&lt;b&gt;&quot;x&quot;&amp;'</b> now" in await phone.sends(ssid=ODD["ssid"])

    device(tmp_path, test)


def test_only_its_own_form_is_taken(tmp_path):
    async def test(it):
        await opened(it)
        async with Phone(it) as phone:
            token = re.search('name="token" value="(.*?)"', await phone.sees())[1]
            for wrong in ("", "0" * 16, token.upper() + " "):
                answer = await phone.http.post("/", data={"token": wrong, "ssid": "home", "password": "right one"})
                assert answer.status_code == 403
            data = {"token": token, "ssid": "home", "password": "right one"}
            answer = await phone.http.post("/", data=data, headers={"Host": "evil.example"})
            assert answer.status_code == 302
            answer = await phone.http.post("/other", data=data)
            assert answer.status_code == 302
            for body in (b"token=" + token.encode() + b"&ssid=%ff", b"&&", b"a=%"):
                assert (await phone.http.post("/", content=body)).status_code in (303, 403)
            assert "<form" in await phone.sees()
            await it.control("advance", ms=5000)
            assert "<form" in await phone.sees()

    device(tmp_path, test)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nA: " + b"a" * 2100,
        b"POST / HTTP/1.1\r\nContent-Length: 641\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"GET / SPDY\r\n\r\n",
    ],
)
def test_what_is_malformed_or_too_long_is_refused_at_once(tmp_path, request_):
    async def test(it):
        await opened(it)
        answer = await raw(it, request_)
        assert answer.startswith(b"HTTP/1.1 400 ") or answer == b""
        async with Phone(it) as phone:
            assert "<form" in await phone.sees()

    device(tmp_path, test)


def test_who_says_nothing_is_not_waited_for_and_keeps_nobody_out(tmp_path):
    async def test(it):
        await opened(it)
        idle = [await asyncio.open_connection(*it.access_point["http"]) for _ in range(8)]
        idle[0][1].write(b"POST / HTTP/1.1\r\nContent-Length: 600\r\n\r\nslow")
        ends = [asyncio.ensure_future(reader.read()) for reader, _ in idle]
        await soon(lambda: sum(end.done() for end in ends) == 4, "they are not turned away")
        await it.control("advance", ms=5500)
        await asyncio.wait_for(asyncio.gather(*ends, return_exceptions=True), 60)
        async with Phone(it) as phone:
            assert "<form" in await phone.sees()
        for _, writer in idle:
            writer.close()

    device(tmp_path, test)


def test_it_looks_again_when_asked_and_not_too_often(tmp_path):
    async def test(it):
        await opened(it)
        async with Phone(it) as phone:
            await it.control("access_points", list=[{**HOME, "ssid": "late"}])
            for ms, there in ((0, False), (11000, True)):
                await it.control("advance", ms=ms + 1)
                assert (await phone.http.get("/again")).status_code == 302
                assert ('value="late"' in await phone.sees()) == there

    device(tmp_path, test)


def test_a_known_network_is_not_looked_for_while_somebody_fills_the_form(tmp_path):
    async def test(it):
        async def rounds():
            return (await link.log()).counts[382]

        async with Client(*it.link) as link:
            await it.control("config", changes={"networks": MINE})
            await it.control("advance", ms=60000)
            async with Phone(it) as phone:
                await phone.sees()
                await it.control("advance", ms=5000)  # what had begun ends
                before = await rounds()
                for _ in range(6):
                    await it.control("advance", ms=50000)
                    await phone.sees()
                assert await rounds() == before
            await it.control("advance", ms=80000)
            assert await rounds() > before

    device(tmp_path, test, around=(), plain=True)


# Secrets


def test_no_password_and_no_key_is_anywhere_but_in_the_flash(tmp_path):
    answers = []

    async def kept(answer):
        await answer.aread()
        answers.append(answer)

    async def test(it):
        code = pairing_code.parse(await it.code())
        await opened(it)
        async with Phone(it) as phone:
            phone.http.event_hooks = {"response": [kept]}
            await phone.sends(ssid="home", password="a wrong secret")
            await phone.sends(ssid="home", password=HOME["password"])
            await phone.sees()
        await put_in(it, "me", OWNER)
        await it.control("access_points", list=[])
        await it.control("advance", ms=60000)
        await it.press("button", 500)
        point = await opened(it)
        async with Phone(it) as phone:
            phone.http.event_hooks = {"response": [kept]}
            await phone.sends(ssid="none", password="a wrong secret")
        secrets = {"the wrong": b"a wrong secret", "the right": b"right one", "the pairing secret": code.secret}
        found = Evidence(secrets, {"the key": point["key"]})
        found.files(it.state_dir)
        for answer in answers:
            found.answer(answer)
        assert len(answers) > 6 and "console.log" in found.sinks and found.leaks() == []
        for name, secret in (*secrets.items(), ("the key", point["key"].encode())):  # it would be seen
            found.output(name, b"x" + secret + b"y")
            assert found.leaks().pop().startswith(name)
            del found.sinks[name]

    device(tmp_path, test)


# What it costs


def test_a_portal_in_use_takes_at_most_48_kilobytes_and_gives_them_back(tmp_path):
    async def test(it):
        await it.control("config", changes={"networks": MINE})
        await it.control("advance", ms=60000)
        assert it.access_point is None
        closed_b = await takes_b(it)
        kept_b = []
        for _ in range(3):
            await it.control("access_points", list=[])
            await opened(it)
            idle = [await asyncio.open_connection(*it.access_point["http"]) for _ in range(2)]
            for _, writer in idle:
                writer.write(b"GET / HTTP/1.1\r\nA: " + b"a" * 2000)
            async with Phone(it) as phone:
                await phone.sends(ssid="home", password="wrong one")
                assert await takes_b(it) - closed_b < 48 * 1024
            await it.control("access_points", list=[HOME])
            await it.control("advance", ms=300000)  # it has joined, and rests
            assert it.access_point is None
            for _, writer in idle:
                writer.close()
            kept_b.append(await takes_b(it) - closed_b)
        # What a task held that has ended may stay for a while: MicroPython's queue of tasks keeps stale references.
        assert min(kept_b) < 4096 and max(kept_b) < 32 * 1024, kept_b

    device(tmp_path, test)
