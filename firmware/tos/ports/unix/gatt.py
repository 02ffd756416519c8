"""MicroPython's module `bluetooth`, as far as a server of GATT goes. Unix port only; its radio is a program outside.

Datagrams of JSON with whoever listens on the port chip.args["bluetooth"]: what is done here goes there, as {"op", ...};
what happens on the air comes back as {"irq": event, "data": [...]}, with a "value" where somebody wrote.
"""

import asyncio
import json
import socket

import chip
from micropython import const
from tos.ports.unix.udp import Udp

FLAG_READ = 2
FLAG_WRITE_NO_RESPONSE = 4
FLAG_WRITE = 8
FLAG_NOTIFY = 16

_GATTS_WRITE = const(3)
_ENODEV = const(19)
_EINVAL = const(22)
_VALUE_B = const(20)  # of what others may write, unless gatts_set_buffer says more


class UUID:
    def __init__(self, value):
        self.text = value

    def __iter__(self):
        """For bytes(uuid): the lowest first."""
        text = self.text.replace("-", "")
        return iter([int(text[n : n + 2], 16) for n in range(30, -2, -2)])


class BLE:
    """A Bluetooth controller with its host, off until active(True)."""

    def __init__(self):
        self._udp = None
        self._task = None
        self._handler = None
        self._values = {}
        self._buffers = {}  # {handle: (most_b, whether writes append)}

    def active(self, on=None):
        if on and not self._udp:
            self._udp = Udp("127.0.0.1", 0)
            self._peer = socket.getaddrinfo("127.0.0.1", chip.args["bluetooth"])[0][-1]
            self._tell(op="active", on=True)
            self._task = asyncio.create_task(self._hear())
        elif on is not None and not on and self._udp:
            self._tell(op="active", on=False)
            self._task.cancel()
            self._udp.close()
            self._udp = None
        return self._udp is not None

    def _tell(self, **message):
        if not self._udp:
            raise OSError(_ENODEV)
        self._udp.send(json.dumps(message), self._peer)

    async def _hear(self):
        while True:
            message = json.loads((await self._udp.recv())[0])
            if message["irq"] == _GATTS_WRITE:
                self._store(message["data"][1], bytes.fromhex(message["value"]))
            if self._handler:
                self._handler(message["irq"], tuple(message["data"]))

    def _store(self, handle, data):
        most_b, appends = self._buffers[handle]
        self._values[handle] = ((self._values[handle] if appends else b"") + data)[:most_b]

    def irq(self, handler):
        self._handler = handler

    def config(self, **values):
        self._tell(op="config", values=values)

    def gap_advertise(self, interval_us, adv_data=None, resp_data=None):
        data = [bytes(part or b"").hex() for part in (adv_data, resp_data)]
        if max(len(part) for part in data) > 62:
            raise OSError(_EINVAL)
        self._tell(op="advertise", interval_us=interval_us, adv=data[0], resp=data[1])

    def gatts_register_services(self, services):
        found, told, handle = [], [], 0
        for uuid, characteristics in services:
            handles = []
            for _, _ in characteristics:
                handle += 3
                handles.append(handle)
                self._values[handle] = b""
                self._buffers[handle] = _VALUE_B, False
            found.append(tuple(handles))
            told.append([uuid.text, [[c[0].text, c[1], h] for c, h in zip(characteristics, handles)]])
        self._tell(op="services", services=told)
        return tuple(found)

    def gatts_set_buffer(self, handle, most_b, append=False):
        self._values[handle]
        self._buffers[handle] = most_b, append

    def gatts_read(self, handle):
        value = self._values[handle]
        if self._buffers[handle][1]:
            self._values[handle] = b""
        return value

    def gatts_write(self, handle, data):
        if handle not in self._values:
            raise OSError(_EINVAL)
        self._values[handle] = bytes(data)
        self._tell(op="write", handle=handle, value=bytes(data).hex())

    def gatts_notify(self, connection, handle, data):
        self._tell(op="notify", connection=connection, handle=handle, value=bytes(data).hex())

    def gattc_exchange_mtu(self, connection):
        self._tell(op="exchange mtu", connection=connection)
