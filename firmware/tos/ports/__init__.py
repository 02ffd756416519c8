"""The contracts between TOS+ and a platform, on one page. Duck-typed; a board's `board.py` hands them to `App.run`.

A board is a module with these names; esp32/board.py has those that a chip brings to each of its boards. An adapter
raises OSError(errno) when the hardware is at fault.
A simulated one may have `plain` besides: true, it answers in the clear too, on loopback only. One with Bluetooth LE
has `bluetooth`: a call of it returns MicroPython's module of that name, or what stands in for its server of GATT. One
on a chip has `Partition`, MicroPython's class esp32.Partition: a second partition is where firmware is updated.

NAME            str: the folder under boards/.
uid             bytes(6): unique to this chip, the same after every reset.
cause           int: why the chip started. 0 power, 1 reset pin or command, 2 watchdog, 3 soft reset, 4 the
                timer of a deep sleep, 5 a button that ended one.
features        {name: factory}: what an app may need. A factory takes nothing and returns the driver.
pairing         name of the feature, a button, that opens pairing and resets the device where the app has none.
clock           ms() -> int, monotonic since boot, never wraps.
                wall() -> int seconds since 1970-01-01 UTC, or None while nobody has set it.
                set_wall(seconds).
                sleep_ms(n): awaitable.
watchdog        start(timeout_ms), feed(): without a feed for timeout_ms the chip resets.
                stop(): for the REPL only, after Ctrl-C.
console         the serial port that the REPL has too. open(): from now on Ctrl-C is a byte like any other; close(): it
                interrupts again; twice does no more. Between the two read(): awaitable -> the next byte, an int, or
                None when there will be no more; what comes after that byte is left for the REPL. write(data): whole,
                and as it is.
radio           scan() -> [(ssid: str, rssi_dbm: int, secure: bool, bssid)], bssid opaque.
                join(ssid, password, timeout_ms, bssid): awaitable -> a JOIN_* reason. bssid: this access point of the
                network and no other, or None. A network that hides is not in a scan, and can be joined.
                leave(). status() -> (joined: bool, ip: str or None, rssi_dbm: int or None).
                ip() -> str or None: where others reach the device now; a simulated one always, on loopback.
                udp(host, port, group=None) -> Udp, bound; OSError(EADDRINUSE) when the port is taken. group: of a
                multicast that it also hears. On a chip that has to be before it joins a network; a simulated
                device hears and sends it on loopback only, and shares the port.
                address(host, port) -> peer, equal to the one that recv gives for datagrams from there. It never waits
                for a network: a chip takes literal addresses only. ValueError or OSError for what it cannot take.
                parts(peer) -> (host: str, port: int) of a peer.
                access_point(ssid, key) -> ip: from now on the radio is an access point as well, at that address. key:
                of WPA2, 8 to 63 characters; None for an open one. end_access_point(): also where there is none.
                tcp(serve, host, port): awaitable -> what asyncio.start_server gives, bound, and the port where others
                reach it.
Udp             recv(): awaitable -> (datagram: bytes, peer), peer opaque and hashable.
                send(datagram, peer): lost when there is no way to the peer. close().
                Its `port` is where others reach it. A datagram longer than DATAGRAM_B, or than FRAME_B where there
                is a group, arrives cut to that and one byte.
keystore        get(name) -> bytes or None. put(name, value): durable when it returns; old or new after a power cut,
                never a mixture. erase(name). name: at most 15 letters, digits, _ or -. Values never reach a log.
rng(n)          n random bytes fit for keys.
aes(key, mode, iv=None) -> a cipher as in MicroPython's cryptolib: mode 1 ECB, 2 CBC; encrypt(data[, into]).
rtc             get() -> what was put last, b"" when the power failed since. put(data): at most 512 B, no flash; it
                lasts over deep sleep, over any other start perhaps.
sleep(ms, wake) deep sleep, in which only a timer runs. After ms, or when one of the buttons in wake (their drivers) is
                pressed, the chip starts anew, with cause 4 or 5. It does not return.
restart()       the chip starts anew at once, with cause 1. It does not return.
slot, update    of a device that was started by main.py: "a", "b" or "r", the folder that runs; and what tos/slots.py
                found. Without them there are no updates.
services()      [service]: what the platform itself needs to run beside the app; often empty.

Features, as `dev.<name>` in an app:

switch          switch(on: bool). Off until told otherwise.
level           level(percent: 0..100): a led's brightness, a speaker's volume. 0 until told otherwise.
display         display(text): replaces what was shown. Empty until told otherwise.
button          button() -> bool, True while pressed, or while a door is open.
keys            keys() -> the name of the next key pressed since the last call, "5" or "ok"; None when there is none.
adc             read_mv() -> int millivolts.
nfc             a contactless card, or a reader of them (ISO/IEC 14443-4, type A); one at a time. It says whole APDUs;
                frames, their repetition and more time for who is slow are its own business. Its radio is silent until
                it is to listen or to find; cancelled in these, it is silent again.
                listen(): awaitable; a card now, under a new number, until a reader has selected it.
                receive(timeout_ms=5000): awaitable -> its next command, a memoryview of at most 261 B, good until the
                next call; empty for one that is longer. send(answer): awaitable; at most 258 B. Both raise FieldLost
                when the reader is gone, let go, or says nothing; then it may listen again, under the same number.
                find(timeout_ms): awaitable -> the number (bytes) of a card that is selected now, or None.
                exchange(command, timeout_ms=5000): awaitable -> its answer, a memoryview likewise. Raises FieldLost.
                silence(): awaitable; twice does no more. end(): behind it, for whoever needs it seldom; a board may
                drop its driver then, and load it again for the next who asks. lock: an asyncio.Lock; its user holds it
                until the radio is silent again. It may have has_contacts: true for a simulated one, which tools take
                for a contact card.
"""

DATAGRAM_B = 1152  # RFC 7252 section 4.6: a message that avoids fragmentation
FRAME_B = 1472  # RFC 6762 section 17: as much as goes into an Ethernet frame

JOIN_OK = 0
JOIN_NOT_FOUND = 1
JOIN_WRONG_PASSWORD = 2
JOIN_SECURITY = 3  # the network wants a security mode we do not speak, or none where we expect one
JOIN_NO_ADDRESS = 4  # associated, but DHCP gave nothing
JOIN_TIMEOUT = 5


class FieldLost(Exception):
    """Card and reader are no longer near each other, or one of them has let go."""
