"""The serial line of a simulated chip over TCP: RFC 2217, which carries DTR and RTS beside the bytes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from serial.rfc2217 import PortManager

from ...ports import HOST

_BOTH_S = 0.5


class Line:
    """hear: takes what the host sends. lines: takes DTR and RTS whenever one changes. One host at a time."""

    def __init__(self, hear: Callable[[bytes], Awaitable[None]], lines: Callable[[bool, bool], None]) -> None:
        self._hear = hear
        self._lines = lines
        self._host: asyncio.StreamWriter | None = None
        self._port: PortManager | None = None

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """-> the port's name, as pyserial understands it."""
        server = await asyncio.start_server(self._serve, HOST, 0)
        try:
            yield f"rfc2217://{HOST}:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            self.hang_up()

    def hang_up(self) -> None:
        """The cable is pulled."""
        if self._host:
            self._host.transport.abort()

    async def send(self, data: bytes) -> None:
        if self._host and self._port:
            self._host.write(b"".join(self._port.escape(data)))
            with contextlib.suppress(ConnectionError):
                await self._host.drain()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._host:
            writer.close()  # the port is busy
            return
        self._host = writer
        lines = Pins(self._lines)
        port = self._port = PortManager(lines, writer)
        try:
            while data := await reader.read(1 << 16):
                heard = b"".join(port.filter(data))
                if heard:
                    await self._hear(heard)
        except ConnectionError:
            pass
        finally:
            self._host = self._port = None
            lines.dtr = lines.rts = False
            writer.close()


class Pins:
    """What a PortManager moves at its serial port: here, two lines. The rest is remembered and does nothing.

    A flasher means to move both lines at once, and a network moves one after the other: both up waits for what follows.
    """

    def __init__(self, lines: Callable[[bool, bool], None], both_s: float = _BOTH_S) -> None:
        self._lines = lines
        self._both_s = both_s
        self._dtr = self._rts = False
        self._waiting: asyncio.TimerHandle | None = None
        self.baudrate, self.bytesize, self.parity, self.stopbits = 115200, 8, "N", 1
        self.xonxoff = self.rtscts = self.break_condition = False
        self.cts = self.dsr = self.ri = self.cd = False

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, on: bool) -> None:
        self._dtr = on
        self._move()

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, on: bool) -> None:
        self._rts = on
        self._move()

    def _move(self) -> None:
        if self._waiting:
            self._waiting.cancel()
        if self._dtr and self._rts:
            self._waiting = asyncio.get_running_loop().call_later(self._both_s, self._lines, True, True)
        else:
            self._lines(self._dtr, self._rts)

    def reset_input_buffer(self) -> None:
        pass

    def reset_output_buffer(self) -> None:
        pass
