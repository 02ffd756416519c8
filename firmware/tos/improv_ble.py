"""Improv over BLE, improv-wifi.com/ble, as a server of GATT. Loaded by ble.py. MicroPython."""

from micropython import const
from tos import provision
from tos.ports import JOIN_OK
from toscore import improv
from toscore.errors import TosError, WireError
from toscore.improv_ble import Written, result

_BLE_NOT_AUTHORIZED = const(397)
_BLE_MTU_SHORT = const(398)

# Events of the module bluetooth.
_CENTRAL_CONNECT = const(1)
_CENTRAL_DISCONNECT = const(2)
_GATTS_WRITE = const(3)
_MTU_EXCHANGED = const(21)

# The standard's, where it differs from that for serial ports.
_AUTHORIZATION_REQUIRED = const(1)
_IDENTIFY = const(2)
_NOT_AUTHORIZED = const(4)
_UNKNOWN = const(255)
_CAN_IDENTIFY = const(1)
_CAN_INFO_AND_SCAN = const(6)
_SERVICE = "00467768-6228-2272-4663-2774782680%02x"
_STATE, _ERROR, _RPC, _RESULT, _CAPABILITIES = range(1, 6)
_SHOWN = ("led", "vibration", "display")  # what identify.py makes use of

_LOOK_MS = const(50)
_FAREWELL_MS = const(10000)  # the client is to hear that it has worked
_INTERVAL_US = const(100000)
_LEAST_MTU = const(23)
_MTU = const(261)  # a result of 258 B, in a notification
_COMMAND_B = const(258)
_UNSENT = const(8)


class ImprovBle:
    """Everything happens in run(); the radio's events only leave word. One client at a time: while there is one, the
    device does not advertise.

    Nobody's cable is in the device here, so one that has an owner asks for its button.
    """

    def __init__(self, app, machine, bluetooth):
        self._app = app
        self._machine = machine
        self._bluetooth = bluetooth
        self._ble = bluetooth.BLE()
        self._written = Written()
        self._unsent = []  # (characteristic, value)
        self._trial = None
        self._has_changed = False  # whether a network was kept
        self._told = self._advertised = self._over_ms = None
        self._client = None  # handle of the connection
        self._mtu = _LEAST_MTU
        self._is_new = self._is_gone = self._has_bytes = False
        self._capabilities = _CAN_INFO_AND_SCAN
        if [name for name in _SHOWN if name in app.needs]:
            self._capabilities |= _CAN_IDENTIFY

    def start(self):
        """OSError or MemoryError when the radio does not come up."""
        b, ble = self._bluetooth, self._ble
        ble.active(True)
        ble.irq(self._irq)
        ble.config(mtu=_MTU, gap_name=self._app.id)
        read, notify = b.FLAG_READ, b.FLAG_READ | b.FLAG_NOTIFY
        write = b.FLAG_WRITE | b.FLAG_WRITE_NO_RESPONSE
        flags = (notify, notify, write, notify, read)
        characteristics = [(b.UUID(_SERVICE % (n + 1)), flag) for n, flag in enumerate(flags)]
        (handles,) = ble.gatts_register_services(((b.UUID(_SERVICE % 0), characteristics),))
        self._handles = (None,) + tuple(handles)
        ble.gatts_set_buffer(self._handles[_RPC], _COMMAND_B, True)
        ble.gatts_write(self._handles[_CAPABILITIES], bytes((self._capabilities,)))
        ble.gatts_write(self._handles[_ERROR], b"\x00")

    def stop(self):
        self._ble.active(False)
        self._ble.irq(None)  # it outlives us otherwise

    def _irq(self, event, data):
        if event == _GATTS_WRITE:
            self._has_bytes = True
        elif event == _CENTRAL_CONNECT:
            self._client = data[0]
            self._mtu = _LEAST_MTU
            self._is_new = True
        elif event == _CENTRAL_DISCONNECT:
            self._client = None
            self._is_gone = True
            self._ble.gatts_write(self._handles[_RPC], b"")  # half a command is not continued by somebody else
        elif event == _MTU_EXCHANGED:
            self._mtu = data[1]

    async def run(self):
        """Until the device is on a network, and who brought it there has heard so."""
        clock = self._app.clock
        while True:
            self._step()
            if self._told != improv.PROVISIONED:
                self._over_ms = None
            elif self._over_ms is None:
                self._over_ms = clock.ms() + _FAREWELL_MS
            elif clock.ms() >= self._over_ms or self._client is None:
                return
            await clock.sleep_ms(_LOOK_MS)

    def _step(self):
        if self._is_gone:  # before reading: what is to be read then is the next client's
            self._is_gone = False
            self._written.clear()
            self._unsent = []
            self._advertised = None
        if self._is_new and self._client is not None:
            self._is_new = False
            try:
                self._ble.gattc_exchange_mtu(self._client)
            except OSError:  # the client has done so
                pass
        if self._has_bytes:
            self._has_bytes = False
            self._written.feed(self._ble.gatts_read(self._handles[_RPC]), self._app.clock.ms())
            self._obey_all()
        trial = self._trial
        if trial and trial.done():
            self._trial = None
            self._has_changed = self._machine.verdict == JOIN_OK
            if not self._has_changed:
                self._tell(_ERROR, improv.NO_CONNECTION)
        state = self._state()
        if state != self._told:
            self._told = state
            self._tell(_STATE, state)
        if trial and self._has_changed and not self._trial:
            self._answer(improv.SETTINGS)
        self._send()
        self._advertise()

    def _obey_all(self):
        try:
            while True:
                command = self._written.take()
                if command is None:
                    return
                self._tell(_ERROR, improv.NO_ERROR)
                self._obey(*command)
        except WireError as e:
            self._app.log.event(e.code, e.detail or 0)
            self._tell(_ERROR, improv.INVALID)

    def _obey(self, command, data):
        app = self._app
        if command == _IDENTIFY and self._capabilities & _CAN_IDENTIFY:
            from tos.identify import begin

            begin(app)
        elif command == improv.INFO:
            self._answer(command, (app.name, app.version, app.board.NAME, app.id))
        elif command not in (improv.SETTINGS, improv.NETWORKS):
            self._tell(_ERROR, improv.UNKNOWN_COMMAND)
        elif not self._machine.is_open():
            app.log.event(_BLE_NOT_AUTHORIZED)
            self._tell(_ERROR, _NOT_AUTHORIZED)
        elif command == improv.NETWORKS:
            self._answer(command, self._heard())
        else:
            ssid, password = improv.settings(data)
            try:
                self._trial = self._machine.offer(ssid, password)
            except WireError:
                raise
            except TosError as e:
                app.log.event(e.code)
                self._tell(_ERROR, improv.NO_CONNECTION)

    def _heard(self):
        """As many networks, the strongest first, as go into one notification: clients put nothing together."""
        left_b = min(255, self._mtu - 6)
        strings = []
        for ssid, rssi_dbm, secure, _ in self._machine.net.heard():
            row = ssid, str(rssi_dbm), "YES" if secure else "NO"
            row_b = sum([1 + len(text.encode()) for text in row])
            if row_b <= left_b:
                left_b -= row_b
                strings.extend(row)
        return strings

    def _answer(self, command, strings=()):
        data = result(command, strings)
        if len(data) <= self._mtu - 3:
            self._put(_RESULT, data)
        else:
            self._ble.gatts_write(self._handles[_RESULT], data)
            self._app.log.event(_BLE_MTU_SHORT, len(data), self._mtu)
            self._tell(_ERROR, _UNKNOWN)

    # What it tells

    def _state(self):
        machine = self._machine
        is_open = machine.is_open()
        if machine.state == provision.PROVISIONING:
            return improv.PROVISIONING
        if machine.net.joined and not (machine.is_paired() and is_open and not self._has_changed):
            return improv.PROVISIONED
        return improv.READY if is_open else _AUTHORIZATION_REQUIRED

    def _tell(self, characteristic, value):
        self._put(characteristic, bytes((value,)))

    def _put(self, characteristic, data):
        self._ble.gatts_write(self._handles[characteristic], data)
        if self._client is not None:
            self._unsent = self._unsent[1 - _UNSENT :] + [(characteristic, data)]

    def _send(self):
        while self._unsent and self._client is not None:
            characteristic, data = self._unsent[0]
            try:
                self._ble.gatts_notify(self._client, self._handles[characteristic], data)
            except OSError:  # the radio's buffers are full: later
                return
            self._unsent.pop(0)

    def _advertise(self):
        """While there is a client the radio does not; once the device is on a network nobody is invited any more."""
        if self._client is not None or self._advertised == self._told:
            return
        self._advertised = self._told
        if self._told == improv.PROVISIONED:
            self._ble.gap_advertise(None)
            return
        uuid = bytes(self._bluetooth.UUID(_SERVICE % 0))
        about = bytes((9, 0x16, 0x77, 0x46, self._told, self._capabilities, 0, 0, 0, 0))
        name = self._app.id.encode()[:29]
        self._ble.gap_advertise(
            _INTERVAL_US,
            adv_data=b"\x02\x01\x06\x11\x07" + uuid + about,
            resp_data=bytes((len(name) + 1, 9)) + name,
        )
