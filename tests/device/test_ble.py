"""Improv over BLE on a board, with a radio that the test is: when it is on, what it is told, and what is lost."""

import asyncio
import sys

from rig import Board
from tos import App, provision
from tos.ble import Ble
from tos.log import Log

NOT_AUTHORIZED, MTU_SHORT, FAILED = 397, 398, 426
CONNECT, DISCONNECT, WRITE, MTU = 1, 2, 3, 21
STATE, ERROR, COMMAND, RESULT = 1, 2, 3, 4


class Bluetooth:
    """The module and its BLE: handles are 1 to 5, in the order in which the characteristics were registered."""

    FLAG_READ, FLAG_WRITE_NO_RESPONSE, FLAG_WRITE, FLAG_NOTIFY = 2, 4, 8, 16

    def __init__(self):
        self.on = False
        self.full = False
        self.values = {}
        self.sent = []
        self.adverts = []
        self.starts = 0

    def BLE(self):
        return self

    def UUID(self, text):
        return bytes(16)

    def active(self, on):
        self.starts += on
        self.on = on

    def irq(self, handler):
        self.handler = handler

    def config(self, mtu, gap_name):
        self.mtu = mtu

    def gatts_register_services(self, services):
        return ((1, 2, 3, 4, 5),)

    def gatts_set_buffer(self, handle, most_b, append):
        assert (handle, append) == (COMMAND, True)

    def gatts_write(self, handle, data):
        self.values[handle] = data

    def gatts_read(self, handle):
        data, self.values[handle] = self.values[handle], b""
        return data

    def gatts_notify(self, connection, handle, data):
        if self.full:
            raise OSError(12)
        self.sent.append((handle, bytes(data)))

    def gattc_exchange_mtu(self, connection):
        raise OSError(120)  # as NimBLE, when the client was quicker

    def gap_advertise(self, interval_us, adv_data=None, resp_data=None):
        assert self.on and len(adv_data or b"") <= 31 and len(resp_data or b"") <= 31
        self.adverts.append(adv_data)

    # What happens on the air

    def connect(self, mtu=261):
        self.handler(CONNECT, (7, 0, b""))
        self.handler(MTU, (7, mtu))

    def write(self, data):
        self.values[COMMAND] = self.values.get(COMMAND, b"") + data
        self.handler(WRITE, (7, COMMAND))

    def disconnect(self):
        self.handler(DISCONNECT, (7, 0, b""))


class Machine:
    """Stands in for Provision and its Net: a network called home works."""

    def __init__(self, app):
        self.net = self
        self.app = app
        self.rows = []
        self.joined = self.paired = self.pressed = False
        self.presses = self.since_ms = 0
        self.offered = []
        self.verdict = None
        self.state = provision.AUTHORIZED

    def networks(self):
        return self.rows

    def heard(self):
        return [("home", -50, True, None)] + [("n%d" % n, -60, False, None) for n in range(40)]

    def is_paired(self):
        return self.paired

    def is_open(self):
        return not self.paired or self.pressed

    def press(self):
        self.pressed = True
        self.presses += 1

    def offer(self, ssid, password):
        self.offered.append((ssid, password))
        self.state = provision.PROVISIONING
        return asyncio.create_task(self._try(ssid))

    async def _try(self, ssid):
        await asyncio.sleep_ms(0)
        self.joined = ssid == "home"
        self.verdict = 0 if self.joined else 1
        self.state = provision.PROVISIONED if self.joined else provision.AUTHORIZED

    def status(self):
        return self.joined, None, None

    def machine(self, app):
        return self


def device(needs=()):
    app = App("it", needs=needs)
    app.board = Board()
    app.clock = app.board.clock
    app.log = Log(app.clock)
    radio = Bluetooth()
    app.board.bluetooth = lambda: radio
    app.wifi = app.board.radio = machine = Machine(app)
    return app, machine, radio


def runs(app, work):
    async def main():
        task = asyncio.create_task(Ble().run(app))
        await work()
        task.cancel()
        await asyncio.sleep_ms(0)

    asyncio.run(main())
    asyncio.new_event_loop()


async def turns(n=8):
    for _ in range(n):
        await asyncio.sleep_ms(0)


def packet(data):
    return data + bytes((sum(data) & 255,))


def settings(ssid, password=b"secret one"):
    data = bytes((len(ssid),)) + ssid + bytes((len(password),)) + password
    return packet(bytes((1, len(data))) + data)


def test_a_new_device_is_to_be_found_and_forgets_all_of_it_when_it_is_on_a_network():
    app, machine, radio = device()

    async def work():
        await turns()
        assert radio.on and radio.adverts[-1][-6:] == b"\x02\x06\x00\x00\x00\x00" and len(radio.adverts) == 1
        radio.connect()
        radio.write(settings(b"home"))
        await turns()
        assert machine.offered == [("home", "secret one")]
        assert [item for item in radio.sent if item[0] == STATE] == [(STATE, b"\x03"), (STATE, b"\x04")]
        assert radio.sent[-1] == (RESULT, b"\x01\x00\x01") and radio.on
        assert "tos.improv_ble" in sys.modules
        radio.disconnect()
        await turns()
        assert not radio.on and radio.adverts[-1] is None
        assert "tos.improv_ble" not in sys.modules and "toscore.improv_ble" not in sys.modules

    runs(app, work)


def test_who_stays_connected_keeps_the_radio_on_for_ten_seconds_more():
    app, machine, radio = device()

    async def work():
        await turns()
        radio.connect()
        machine.joined = True
        began = app.clock.now
        while radio.on:
            await turns(1)
            assert app.clock.now < began + 12000
        assert app.clock.now >= began + 10000

    runs(app, work)


def test_a_device_with_networks_is_silent_while_it_looks_for_them():
    app, machine, radio = device()
    machine.rows = [["home", "x"]]

    async def work():
        while not radio.on:
            await turns(1)
        assert 30000 <= app.clock.now < 35000

    runs(app, work)


def test_one_with_an_owner_takes_nothing_before_its_button_is_pressed():
    app, machine, radio = device()
    machine.paired = True

    async def work():
        await turns()
        assert radio.adverts[-1][-6:-4] == b"\x01\x06"
        radio.connect()
        for command in (settings(b"home"), packet(b"\x04\x00")):
            radio.sent.clear()
            radio.write(command)
            await turns()
            assert (ERROR, b"\x04") in radio.sent and not machine.offered
        assert app.log.counts[NOT_AUTHORIZED] == 2
        machine.press()
        await turns()
        assert radio.sent[-1] == (STATE, b"\x02")
        radio.write(settings(b"home"))
        await turns()
        assert machine.offered

    runs(app, work)


def test_on_a_network_only_the_button_switches_the_radio_on_and_once():
    app, machine, radio = device()
    machine.paired = machine.joined = True

    async def work():
        await turns(100)
        assert not radio.starts
        machine.press()
        await turns()
        assert radio.on and radio.adverts[-1][-6:-4] == b"\x02\x06"
        radio.connect()
        radio.write(settings(b"home"))
        await turns()
        radio.disconnect()
        await turns(100)
        assert not radio.on and radio.starts == 1
        machine.press()
        await turns()
        assert radio.on

    runs(app, work)


def test_half_a_command_ends_with_its_client():
    app, machine, radio = device()
    whole = settings(b"home")

    async def work():
        await turns()
        for read in (True, False):
            radio.sent.clear()
            radio.connect()
            radio.write(whole[:9])
            if read:
                await turns()
            radio.disconnect()
            radio.connect()
            radio.write(packet(b"\x03\x00"))
            await turns()
            assert radio.sent and radio.sent[-1][0] == RESULT
            radio.disconnect()
            await turns()

    runs(app, work)


def test_notifications_wait_while_the_radio_is_full_and_are_not_more_than_eight():
    app, machine, radio = device()

    async def work():
        await turns()
        radio.connect()
        await turns()
        radio.full = True
        for _ in range(50):
            radio.write(packet(b"\x03\x00"))
            await turns(2)
        radio.full = False
        radio.sent.clear()
        await turns()
        assert len(radio.sent) == 8 and radio.sent[-1][0] == RESULT

    runs(app, work)


def test_an_answer_is_one_notification_or_none():
    app, machine, radio = device()

    async def work():
        await turns()
        for mtu in (23, 40, 100, 185, 261, 517):
            radio.connect(mtu)
            radio.sent.clear()
            radio.write(packet(b"\x04\x00") + packet(b"\x03\x00"))
            await turns()
            results = [data for kind, data in radio.sent if kind == RESULT]
            assert all([len(data) <= mtu - 3 and len(data) == data[1] + 3 for data in results])
            assert results[0][0] == 4 and len(results) == (1 if mtu == 23 else 2)
            assert mtu < 40 or results[0][3:7] == b"home"
            radio.disconnect()
            await turns()
        assert app.log.counts[MTU_SHORT] == 1 and radio.values[RESULT][0] == 3

    runs(app, work)


def test_a_radio_that_does_not_start_is_told_and_tried_again_in_a_minute():
    app, machine, radio = device()
    tries = []

    def fails(on):
        if on:
            tries.append(app.clock.now)
            raise OSError(12) if len(tries) % 2 else MemoryError()

    active, radio.active = radio.active, fails

    async def work():
        while len(tries) < 4:
            await turns(1)
            assert len(tries) < 2 or tries[-1] - tries[-2] >= 60000
        assert app.log.counts[FAILED] >= 3 and all([entry[2] == 12 for entry in app.log.entries()])
        assert "tos.improv_ble" not in sys.modules
        radio.active = active
        while not radio.on:
            await turns(1)

    runs(app, work)


def test_it_says_whether_it_can_show_itself():
    for needs, capabilities in (((), 6), (("led",), 7), (("display",), 7), (("relay", "vibration"), 7)):
        app, machine, radio = device(needs)

        async def work(radio=radio, capabilities=capabilities):
            await turns()
            assert radio.values[5] == bytes((capabilities,)) and radio.adverts[-1][-5] == capabilities

        runs(app, work)
