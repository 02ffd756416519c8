"""The air around a simulated device's Bluetooth: bumble's controllers on a virtual link, at one end the radio of
ports/unix/gatt.py, at the other bleak. On CPython; it wants bumble, and bleak for Client.
"""

import asyncio
import contextlib
import itertools
import json
import uuid

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak_retry_connector import BleakClientWithServiceCache
from bumble import att, gatt, hci
from bumble.controller import Controller
from bumble.core import AdvertisingData
from bumble.device import Device, Peer
from bumble.host import Host
from bumble.link import LocalLink

_CONNECT, _DISCONNECT, _WRITE, _MTU = 1, 2, 3, 21
_DEVICE, _PHONE = "F0:F1:F2:F3:F4:F5", "E0:E1:E2:E3:E4:%02X"
_LEAST_MTU = 23


async def _node(link, address):
    """Somebody with a Bluetooth radio."""
    controller = Controller(address, link=link, public_address=hci.Address(address, hci.AddressType.PUBLIC_DEVICE))
    host = Host()
    host.controller = controller
    device = Device(address=hci.Address(address), host=host)
    await device.power_on()
    return device


class Air(asyncio.DatagramProtocol):
    """The radio of one simulated device: as it says over the socket, a server of GATT and an advertiser.

        async with Air() as air, Device("kettle", bluetooth=air.port, ...) as device:
            client = await air.found()

    is_on: whether the device has its radio on. notified: [(its number among the characteristics, bytes)] that it sent,
    as they went over the air. advertised: the bytes of its advertisement, None while there is none.
    """

    async def __aenter__(self):
        self.link = LocalLink()
        self.is_on = False
        self.notified = []
        self.advertised = None
        self._phones = itertools.count(1)
        self._server = None
        self._told = asyncio.Queue()
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        self._working = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *_):
        self._working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._working
        self._transport.close()

    def datagram_received(self, data, addr):
        self._peer = addr
        self._told.put_nowait(json.loads(data))

    async def _work(self):
        while True:
            message = await self._told.get()
            await getattr(self, "_" + message.pop("op").replace(" ", "_"))(**message)

    def _irq(self, event, *data, **more):
        self._transport.sendto(json.dumps({"irq": event, "data": data, **more}).encode(), self._peer)

    async def _active(self, on):
        if self._server:  # a new start of the device has said nothing of the end of the last
            await self._server.power_off()
            self.link.remove_controller(self._server.host.controller)
            self._server = None
        self.is_on = on
        self.advertised = None
        if on:
            self._server = await _node(self.link, _DEVICE)
            self._server.on(Device.EVENT_CONNECTION, self._connected)

    def _connected(self, connection):
        self.connection = connection
        self.advertised = None
        connection.on(connection.EVENT_DISCONNECTION, lambda reason: self._irq(_DISCONNECT, connection.handle, 1, ""))
        connection.on(
            connection.EVENT_CONNECTION_ATT_MTU_UPDATE, lambda: self._irq(_MTU, connection.handle, connection.att_mtu)
        )
        self._irq(_CONNECT, connection.handle, 1, "")

    async def _config(self, values):
        self._server.gatt_server.max_mtu = values.get("mtu", 256)

    async def _services(self, services):
        self._values, self._found = {}, {}
        for service, characteristics in services:
            made = []
            for text, flags, handle in characteristics:
                made.append(self._characteristic(text, flags, handle))
                self._found[handle] = made[-1]
            self._server.add_service(gatt.Service(service, made))

    def _characteristic(self, text, flags, handle):
        self._values[handle] = b""

        def write(connection, value):
            self._irq(_WRITE, connection.handle, handle, value=value.hex())

        value = gatt.CharacteristicValue(read=lambda connection: self._values[handle], write=write)
        permissions = (att.Attribute.READABLE if flags & 2 else 0) | (att.Attribute.WRITEABLE if flags & 12 else 0)
        return gatt.Characteristic(text, gatt.Characteristic.Properties(flags), permissions, value)

    async def _write(self, handle, value):
        self._values[handle] = bytes.fromhex(value)

    async def _notify(self, connection, handle, value):
        to = self._server.lookup_connection(connection)
        if to:
            sent = bytes.fromhex(value)[: to.att_mtu - 3]  # as NimBLE does it
            self.notified.append((list(self._found).index(handle) + 1, sent))
            await self._server.gatt_server.notify_subscriber(to, self._found[handle], sent, force=True)

    async def _exchange_mtu(self, connection):
        to = self._server.lookup_connection(connection)
        self._asking = asyncio.create_task(Peer(to).request_mtu(self._server.gatt_server.max_mtu))

    async def _advertise(self, interval_us, adv, resp):
        if self._server.is_advertising:
            await self._server.stop_advertising()
        self.advertised = None
        if interval_us:
            self.advertised = bytes.fromhex(adv)
            await self._server.start_advertising(
                advertising_data=self.advertised,
                scan_response_data=bytes.fromhex(resp),
                advertising_interval_min=interval_us / 1000,
                advertising_interval_max=interval_us / 1000,
            )

    # Who is near

    async def phone(self, most_mtu=517):
        """A central; one with most_mtu 23 agrees on no more."""
        phone = await _node(self.link, _PHONE % next(self._phones))
        phone.gatt_server.max_mtu = most_mtu
        return phone

    async def scanned(self, phone, timeout_s=20):
        """-> the advertisement, {AD type: bytes or what bumble makes of it}."""
        found = asyncio.get_running_loop().create_future()

        def heard(advertisement):
            if not found.done() and advertisement.data.get(AdvertisingData.SERVICE_DATA_16_BIT_UUID):
                found.set_result(advertisement)

        phone.on(Device.EVENT_ADVERTISEMENT, heard)
        await phone.start_scanning(active=False, filter_duplicates=False)
        try:
            return await asyncio.wait_for(found, timeout_s)
        finally:
            phone.remove_listener(Device.EVENT_ADVERTISEMENT, heard)
            await phone.stop_scanning()

    def client_class(self, phone):
        """Bleak's client as py-improv-ble-client makes it, on this phone's radio."""
        air = phone

        class OverTheAir(BleakClientWithServiceCache):
            def __init__(self, device, **more):
                super().__init__(device, backend=type("Backend", (Backend,), {"phone": air}), **more)

        return OverTheAir


def ble_device():
    return BLEDevice(_DEVICE, "it", None)


class Backend(BaseBleakClient):
    """What bleak asks of an operating system's Bluetooth, asked of bumble's. `phone`: its radio."""

    phone: Device

    def __init__(self, address, **more):
        super().__init__(address, **more)
        self._connection = None

    @property
    def name(self):
        return self.address

    @property
    def mtu_size(self):
        return self._connection.att_mtu

    @property
    def is_connected(self):
        return self._connection is not None

    async def connect(self, pair=False, **_):
        self._connection = await self.phone.connect(hci.Address(self.address), timeout=20)
        self._connection.on(self._connection.EVENT_DISCONNECTION, self._ended)
        peer = self._peer = Peer(self._connection)
        if self.phone.gatt_server.max_mtu > _LEAST_MTU:
            await peer.request_mtu(self.phone.gatt_server.max_mtu)
        self.services = BleakGATTServiceCollection()
        for service in await peer.discover_services():
            ours = BleakGATTService(service, service.handle, _uuid(service))
            self.services.add_service(ours)
            for c in await service.discover_characteristics():
                await c.discover_descriptors()
                names = [name.lower().replace("_", "-") for name in str(c.properties).split(".")[-1].split("|")]
                self.services.add_characteristic(
                    BleakGATTCharacteristic(c, c.handle, _uuid(c), names, lambda: self.mtu_size - 3, ours)
                )

    def _ended(self, reason):
        self._connection = None
        if self._disconnected_callback:
            self._disconnected_callback()

    async def disconnect(self):
        if self._connection:
            await self._connection.disconnect()

    async def pair(self, *_, **__):
        raise NotImplementedError

    unpair = pair

    async def read_gatt_char(self, characteristic, **_):
        return bytearray(await characteristic.obj.read_value())

    async def write_gatt_char(self, characteristic, data, response):
        """As every operating system's does: what does not fit into one packet is written long, Vol 3, Part G, 4.9.4."""
        await characteristic.obj.write_value(bytes(data), with_response=response)

    async def start_notify(self, characteristic, callback, **_):
        await characteristic.obj.subscribe(lambda value: callback(bytearray(value)), prefer_notify=True)

    async def stop_notify(self, characteristic):
        await characteristic.obj.unsubscribe()

    async def read_gatt_descriptor(self, descriptor, **_):
        raise NotImplementedError

    async def write_gatt_descriptor(self, descriptor, data):
        raise NotImplementedError


def _uuid(entity):
    return str(uuid.UUID(bytes=entity.uuid.to_bytes(force_128=True)[::-1]))
