"""A simulated kettle takes updates from web servers, good ones and others."""

import asyncio
import contextlib

import aiocoap
from updated import CONFIRMED, DOWNLOADING, FAILED, TRIAL, bundled, lived

RATE = 50


class Web:
    """A web server with one file. answer(offset or None, path): what the next requests get, (head, body) or None for a
    connection that is closed. asked: [(path, offset)]. hangs: it does not close what it has answered."""

    hangs = False

    def __init__(self, body):
        self.body = body
        self.asked = []
        self.answer = self.ranged

    def ranged(self, offset, path):
        length = len(self.body) - offset
        head = f"206 Partial Content\r\nContent-Length: {length}\r\n"
        return head + f"Content-Range: bytes {offset}-{len(self.body) - 1}/{len(self.body)}", self.body[offset:]

    def whole(self, offset, path):
        """It does not know Range."""
        return f"200 OK\r\nContent-Length: {len(self.body)}", self.body

    def nothing(self, offset, path):
        """The connection ends without a word."""
        raise OSError

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            offset = int(headers["range"].removeprefix("bytes=").removesuffix("-"))
            path = lines[0].split()[1]
            self.asked.append((path, offset))
            head, body = self.answer(offset, path)
            writer.write(f"HTTP/1.1 {head}\r\n\r\n".encode() + body)
            await writer.drain()
            while self.hangs:
                await asyncio.sleep(0.05)
        writer.close()


def fetched(tmp_path, test, **options):
    """Run test(house, web, made) with an update that is on a web server and not yet asked for."""

    async def with_web(house):
        made = bundled()
        web = Web(made.dumps())
        server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
        house.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/kettle.tosb"
        try:
            await test(house, web, made)
        finally:
            web.hangs = False
            server.close()

    lived(tmp_path, with_web, **{"rate": RATE, **options})


def test_it_is_fetched_from_where_the_parts_begin(tmp_path):
    async def test(house, web, made):
        assert (await house.push(made)).code == aiocoap.CHANGED
        await house.until(CONFIRMED)
        assert web.asked == [("/kettle.tosb", len(made.message()))]

    fetched(tmp_path, test)


def test_a_server_that_ignores_range_is_read_from_its_beginning(tmp_path):
    async def test(house, web, made):
        web.answer = web.whole
        await house.push(made)
        await house.until(TRIAL, CONFIRMED)
        assert len(web.asked) == 1

    fetched(tmp_path, test)


def test_a_server_that_truncates_is_asked_for_the_rest(tmp_path):
    """40 KB each time; what is here is not fetched again."""

    async def test(house, web, made):
        web.answer = lambda offset, path: (web.ranged(offset, path)[0], web.body[offset : offset + 40_000])
        await house.push(made)
        await house.until(TRIAL, CONFIRMED)
        offsets = [offset for _, offset in web.asked]
        assert offsets == sorted(offsets) and 4 <= len(offsets) <= 6
        assert all(later - earlier > 40_000 - 4096 for earlier, later in zip(offsets, offsets[1:], strict=False))

    fetched(tmp_path, test)


def test_a_server_that_stalls_is_left_and_asked_again(tmp_path):
    async def test(house, web, made):
        web.hangs = True
        web.answer = lambda offset, path: (web.ranged(offset, path)[0], web.body[offset : offset + 9_000])
        await house.push(made)
        while (told := await house.until(DOWNLOADING))[5] != 444:
            await asyncio.sleep(0.02)
        assert told[3] > 4096
        web.hangs, web.answer = False, web.ranged
        await house.until(TRIAL, CONFIRMED)

    fetched(tmp_path, test)


def test_a_server_that_is_gone_is_asked_until_it_is_back(tmp_path):
    async def test(house, web, made):
        web.answer = web.nothing
        await house.push(made)
        while (await house.until(DOWNLOADING))[5] != 444:
            await asyncio.sleep(0.02)
        web.answer = web.ranged
        await house.until(TRIAL, CONFIRMED)

    fetched(tmp_path, test)


def refused(tmp_path, answer, code):
    """The update fails with this code, and what runs is what ran."""

    async def test(house, web, made):
        web.answer = lambda offset, path: answer(web, offset, path)
        await house.push(made)
        told = await house.until(FAILED)
        assert (told[0], told[5], told[6]) == (0, code, "a")
        assert len(web.asked) <= 4
        web.answer = web.ranged  # and it takes the next one
        await house.push(made)
        await house.until(TRIAL, CONFIRMED)

    fetched(tmp_path, test)


def test_another_file_of_the_same_length_is_refused(tmp_path):
    def other(web, offset, path):
        return web.ranged(offset, path)[0], bytes(len(web.body) - offset)

    refused(tmp_path, other, 393)


def test_a_part_of_the_file_that_was_not_asked_for_is_refused(tmp_path):
    def elsewhere(web, offset, path):
        return f"206 Partial Content\r\nContent-Range: bytes 0-{len(web.body) - 1}/{len(web.body)}", web.body

    refused(tmp_path, elsewhere, 443)


def test_what_is_no_web_server_is_refused(tmp_path):
    refused(tmp_path, lambda web, offset, path: ("x" * 600, b""), 443)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    refused(tmp_path, lambda web, offset, path: ("404 Not Found\r\nContent-Length: 0", b""), 438)


def test_a_redirect_loop_is_refused(tmp_path):
    refused(tmp_path, lambda web, offset, path: (f"302 Found\r\nLocation: {path}x", b""), 442)


def test_a_redirect_to_another_scheme_is_refused(tmp_path):
    refused(tmp_path, lambda web, offset, path: ("302 Found\r\nLocation: file:///etc/passwd", b""), 442)


def test_a_redirect_is_followed_and_more_bytes_than_the_update_has_are_left(tmp_path):
    async def test(house, web, made):
        def moved(offset, path):
            if path == "/kettle.tosb":
                return "301 Moved Permanently\r\nLocation: /there/it.tosb", b""
            head, body = web.ranged(offset, path)
            return head.replace("Content-Length", "X-Length"), body + bytes(5000)

        web.answer = moved
        await house.push(made)
        await house.until(TRIAL, CONFIRMED)
        assert [path for path, _ in web.asked] == ["/kettle.tosb", "/there/it.tosb"]

    fetched(tmp_path, test)
