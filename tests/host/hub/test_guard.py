"""Who may speak with the hub, and what it says to others."""

import asyncio
import datetime
import ipaddress
import json
import logging
import socket
import ssl

import httpx
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from soon import soon
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tosplus import ports
from tosplus.cli import cli
from tosplus.errors import HostError, UsageFault
from tosplus.hub import live, password, serve
from tosplus.hub.guard import _name, _owner
from tosplus.hub.part import Part, keep
from uvicorn import Config, Server
from websockets.exceptions import ConnectionClosed, InvalidStatus

from .fake import Fake
from .running import heard, hub


def run(test):
    asyncio.run(asyncio.wait_for(test, 240))


def test_another_name_or_another_origin_is_refused(tmp_path):
    async def test():
        async with hub(tmp_path) as it:
            own = it.address.removeprefix("http://")
            port = own.rpartition(":")[2]
            for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "a@127.0.0.1", "", "[::1"):
                assert (await it.http.get("/api/house", headers={"host": host})).status_code == 421, host
                assert (await it.http.get("/", headers={"host": host})).status_code == 421, host
            for host in (own, f"localhost:{port}", "localhost", f"[::1]:{port}"):
                assert (await it.http.get("/api/house", headers={"host": host})).status_code == 200, host
            wrong = ["http://evil.example", "null", f"http://localhost:{port}", "http://127.0.0.1", "http://127.0.0.1:1"]
            for origin in (*wrong, ""):
                answer = await it.http.request("DELETE", "/api/devices/x", headers={"origin": origin})
                assert answer.status_code == 403, origin
                with pytest.raises(InvalidStatus) as refused:
                    async with it.page(additional_headers={"origin": origin}):
                        pass
                assert refused.value.response.status_code == 403
            for headers in ({}, {"origin": f"http://{own}"}):
                answer = await it.http.request("DELETE", "/api/devices/x", headers=headers)
                assert answer.status_code == 404
                async with it.page(additional_headers=headers) as page:
                    assert json.loads(await page.recv())["type"] == "house"
            reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
            writer.write(
                b"GET /api/live HTTP/1.1\r\nHost: evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            assert (await asyncio.wait_for(reader.readline(), 60)).startswith(b"HTTP/1.1 421")
            writer.close()

    run(test())


def test_bodies_are_json_and_bounded(tmp_path):
    async def test():
        async with hub(tmp_path) as it, Fake(it.coap):
            await it.live()
            url = "/api/devices/fake-1/s/power"
            cases = [
                ({"content-type": "text/plain"}, b'{"value": 1}', 415),
                ({"content-type": "application/x-www-form-urlencoded"}, b"value=1", 415),
                ({}, b'{"value": 1}', 415),
                ({"content-type": "application/json; charset=utf-8"}, b'{"value": true}', 204),
                ({"content-type": "application/json"}, b"{", 400),
                ({"content-type": "application/json"}, b"[]", 400),
                ({"content-type": "application/json"}, b"{}", 400),
                ({"content-type": "application/json"}, b'{"value": NaN}', 400),
                ({"content-type": "application/json"}, b'{"value": [1]}', 400),
                ({"content-type": "application/json"}, b'{"value": 1' + b"0" * 40 + b"}", 400),
                ({"content-type": "application/json"}, b'{"value": "\\ud800"}', 400),
                ({"content-type": "application/json"}, b"[" * 60000, 400),
                ({"content-type": "application/json"}, b" " * 70000, 413),
            ]
            for headers, body, status in cases:
                answer = await it.http.put(url, content=body, headers=headers)
                assert answer.status_code == status, (body[:40], answer.text)
                assert status == 204 or answer.json()["error"]
            for url in ("/api/devices/none/log", "/api/devices/fake-1/history/none", "/api/none", "/none"):
                assert (await it.http.get(url)).status_code == 404
            for query in ("since=x", "since=nan", "points=1e9", "since=inf"):
                assert (await it.http.get(f"/api/devices/fake-1/history/temp?{query}")).status_code == 400
            log = (await it.http.get("/api/devices/fake-1/log")).json()
            assert log["ring"][0]["name"] == "BOOT" and log["counts"] == [{"code": 201, "name": "BOOT", "times": 1}]

    run(test())


def test_answers_forbid_what_the_page_does_not_need(tmp_path):
    async def test():
        async with hub(tmp_path) as it:
            for path in ("/", "/api/house", "/page/none.js"):
                headers = (await it.http.get(path)).headers
                assert headers["content-security-policy"].startswith("default-src 'self'")
                assert headers["x-content-type-options"] == "nosniff" and "server" not in headers
                assert headers["cache-control"] == ("no-store" if "api" in path else "no-cache")

    run(test())


def test_a_password_is_asked_for_and_guessing_takes_longer_each_time(tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    password.store(tmp_path, "correct horse")
    assert (tmp_path / "password").stat().st_mode & 0o77 == 0
    assert "correct" not in (tmp_path / "password").read_text()

    async def test():
        async with hub(tmp_path, host="0.0.0.0") as it:
            it.http.base_url = it.address = it.address.replace("0.0.0.0", "127.0.0.1")
            assert (await it.http.get("/api/health")).status_code == 200
            for url in ("/api/house", "/api/events", "/api/bench", "/docs"):
                assert (await it.http.get(url)).status_code == 401, url
            assert (await it.http.get("/api/house", auth=("any", "correct horse"))).status_code == 200
            with pytest.raises(InvalidStatus) as refused:
                async with it.page():
                    pass
            assert refused.value.response.status_code == 401
            answer = await it.http.post("/api/login", json={"password": "correct horse"})
            cookie = answer.headers["set-cookie"]
            assert answer.status_code == 204 and "HttpOnly" in cookie and "SameSite=strict" in cookie
            session = it.http.cookies["tos_session"]
            assert (await it.http.get("/api/house")).status_code == 200
            async with it.page(additional_headers={"cookie": f"tos_session={session}"}) as page:
                await page.recv()
            await it.http.post("/api/logout")
            it.http.cookies.clear()
            again = await it.http.get("/api/house", headers={"cookie": f"tos_session={session}"})
            assert again.status_code == 401
            codes = [(await it.http.post("/api/login", json={"password": f"guess {n}"})).status_code for n in range(5)]
            assert codes == [401, 401, 401, 429, 429]
            late = await it.http.post("/api/login", json={"password": "correct horse"})
            assert late.status_code == 429 and int(late.headers["retry-after"]) >= 1
            assert (await it.http.get("/api/house", auth=("any", "guess"))).status_code == 429

    run(test())
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore", "websockets.client"))]
    told = "".join([*ours, *capfd.readouterr()])
    assert "correct horse" not in told and "tos_session" not in told and "ASGI" not in told


def test_with_a_certificate_all_of_it_is_https_and_the_cookie_stays_there(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = tmp_path / "hub.pem", tmp_path / "hub.key"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    key_pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    trusting = ssl.create_default_context(cafile=str(pem))
    password.store(tmp_path, "correct horse")

    async def test():
        async with hub(tmp_path, host="127.0.0.1", certificate=pem, key=key_pem) as it:
            assert it.address.startswith("https://")
            async with httpx.AsyncClient(base_url=it.address, verify=trusting) as http:
                answer = await http.post("/api/login", json={"password": "correct horse"})
                assert answer.status_code == 204 and "Secure" in answer.headers["set-cookie"]
                assert (await http.get("/api/house")).status_code == 200
                cookie = {"cookie": f"tos_session={http.cookies['tos_session']}"}
            async with it.page(ssl=trusting, additional_headers=cookie) as page:
                assert "house" in await page.recv()
            with pytest.raises(httpx.HTTPError):
                await it.http.get(it.address.replace("https", "http") + "/api/health")

    run(test())


def test_a_network_needs_a_password_and_a_password_eight_characters(tmp_path):
    async def test():
        async with hub(tmp_path, host="0.0.0.0"):
            pass

    with pytest.raises(UsageFault, match="set a password first: `tos hub password`"):
        run(test())
    with pytest.raises(UsageFault, match="8 characters"):
        password.store(tmp_path, "short")
    arguments = ["hub", "password", "--state", str(tmp_path)]
    assert CliRunner().invoke(cli, arguments, input="correct horse\ncorrect horse\n").exit_code == 0
    assert password.Password.load(tmp_path)
    (tmp_path / "password").write_text("{")
    with pytest.raises(HostError, match="is damaged"):
        run(test())


def test_the_hubs_own_names():
    own = _owner("hub.lan")
    assert own("hub.lan") and own("localhost") and own("::1") and not own("10.0.0.1") and not own("evil.example")
    anywhere = _owner("0.0.0.0")
    assert anywhere("10.0.0.1") and anywhere(socket.gethostname().lower()) and not anywhere("evil.example")
    assert [_name(host) for host in ("A.b:80", "[::1]:8", "x/y", "x:0", "x:y", "u@x")] == ["a.b", "::1", "", "", "", ""]


def test_two_hubs_share_neither_folder_nor_port(tmp_path):
    async def test():
        async with hub(tmp_path / "one") as it:
            with pytest.raises(HostError, match="another hub runs with"):
                async with hub(tmp_path / "one"):
                    pass
            with pytest.raises(HostError, match=r"UDP port \d+ of 127.0.0.1 cannot be used .*\n.*--coap-port"):
                async with hub(tmp_path / "two", it.coap):
                    pass
            port = int(it.address.rpartition(":")[2])
            with pytest.raises(HostError, match=f"port {port} of 127.0.0.1 cannot be used"):
                async with serve.serving(serve.Options(tmp_path / "three", port=port, coap_port=ports.free())):
                    pass

    run(test())


def test_a_page_that_does_not_read_is_let_go_and_others_are_not_held_up(tmp_path, monkeypatch):
    monkeypatch.setattr(live, "_WAITING", 20)
    transports = []
    connected = serve._WebSockets.connection_made
    keep = lambda self, transport: (transports.append(transport), connected(self, transport))  # noqa: E731
    monkeypatch.setattr(serve._WebSockets, "connection_made", keep)

    async def test():
        async with hub(tmp_path) as it, Fake(it.coap) as fake, it.page() as good:
            await it.live()
            async with it.page() as bad:
                bad.transport.pause_reading()
                for _ in range(400):
                    await asyncio.sleep(0.002)
                    it.hub.live.send({"type": "event", "event": {"kind": "event", "value": "x" * 50000}})
                    if len(it.hub.live) == 1:
                        break
                assert len(it.hub.live) == 1
                fake.set({0: 44})
                await heard(good, lambda m: m["type"] == "values" and m["values"] == {"temp": 44})
                await asyncio.sleep(2.5)
                assert transports[-1].is_closing() and transports[-1].get_write_buffer_size() == 0
                bad.transport.resume_reading()
                with pytest.raises(ConnectionClosed):
                    while True:
                        await bad.recv()
            async with it.page() as again:
                assert json.loads(await again.recv())["type"] == "house"

    run(test())


def test_a_page_that_reads_slowly_is_told_1013(tmp_path, monkeypatch):
    async def test():
        async with hub(tmp_path) as it, it.page() as page:
            await page.recv()
            for _ in range(600):  # in one step of the loop: no reader is fast enough
                it.hub.live.send({"type": "event", "event": {}})
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await asyncio.wait_for(page.recv(), 60)
            assert closed.value.rcvd.code == 1013

    run(test())


def test_a_page_hears_that_the_hub_is_there_though_nothing_happens(tmp_path, monkeypatch):
    monkeypatch.setattr("tosplus.hub.hub._TICK_S", 0.05)

    async def test():
        async with hub(tmp_path) as it, it.page() as page:
            for _ in range(3):
                assert await heard(page, lambda message: message["type"] == "beat") == {"type": "beat"}

    asyncio.run(asyncio.wait_for(test(), 240))


def test_the_bench_is_reached_through_its_socket(tmp_path):
    moved = []

    async def devices(request):
        return JSONResponse({"fake-1": {"name": "kettle", "on": True, "levers": []}})

    async def move(request):
        moved.append((request.path_params["id"], request.path_params["lever"], await request.json()))
        known = request.path_params["lever"] == "lid"
        return Response(status_code=204) if known else JSONResponse({"error": "no"}, 404)

    async def test():
        bench = Starlette(routes=[Route("/devices", devices), Route("/devices/{id}/{lever}", move, methods=["POST"])])
        path = tmp_path / "bench.sock"
        server = Server(Config(bench, uds=str(path), log_config=None, lifespan="off"))
        serving = asyncio.create_task(server.serve())
        await soon(lambda: server.started)
        async with hub(tmp_path / "hub", bench=path) as it:
            assert (await it.house())["hub"]["bench"] is True
            assert [page["name"] for page in (await it.house())["hub"]["pages"]] == ["pair", "updates", "bench"]
            assert (await it.http.get("/api/bench")).json()["fake-1"]["name"] == "kettle"
            assert (await it.http.post("/api/bench/fake-1/lid", json={"value": True})).status_code == 204
            answer = await it.http.post("/api/bench/fake-1/none", json={"value": True})
            assert (answer.status_code, answer.json()) == (404, {"error": "no"})
            assert moved[0] == ("fake-1", "lid", {"value": True})
            server.should_exit = True
            await serving
            assert (await it.http.get("/api/bench")).status_code == 504
        async with hub(tmp_path / "hub") as it:
            assert (await it.http.get("/api/bench")).status_code == 404
            assert [page["name"] for page in (await it.house())["hub"]["pages"]] == ["pair", "updates"]

    run(test())


def test_a_part_that_crashes_is_started_again(monkeypatch, capsys):
    monkeypatch.setattr("tosplus.hub.part._AGAIN_S", 0.01)
    runs = []

    class Shaky(Part):
        async def run(self, hub):
            runs.append(hub)
            if len(runs) < 3:
                raise RuntimeError("shaky")

    run(keep(Shaky(), "hub"))
    assert runs == ["hub"] * 3 and capsys.readouterr().err.count("RuntimeError: shaky") == 2
