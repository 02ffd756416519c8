"""The words for the codes that devices log and answer with; a device itself knows only the numbers.

A code's hundreds are its level: 1 debug, 2 info, 3 a peer misbehaved, 4 we did. Codes are appended, never reordered.
"""

from typing import NamedTuple

LEVELS = {1: "debug", 2: "info", 3: "warning", 4: "error"}
CAUSES = {0: "power on", 1: "reset", 2: "watchdog", 3: "soft reset", 4: "timer in deep sleep", 5: "button"}

# Why a network is not joined, as in 381: what is wrong, and what to do.
JOINS = {
    1: ("there is no such network here", "Is it 5 GHz only? Is its name spelled exactly so, capitals included?"),
    2: ("wrong password", ""),
    3: ("it wants another kind of security, or a password", "WPA2 or WPA3 with a password works."),
    4: ("its router gives no address", "Its DHCP is off, or it has no address left."),
    5: ("its router does not answer", "Bring the device nearer, or restart the router."),
    6: ("it works, but could not be stored", "The flash is full or worn: codes 406, 407 in `tos dev log`."),
}

# Why a payment is declined, as in 258: what a token service says, and what the device of a customer does (251 on).
REASONS = {
    0: "approved",
    1: "the signature of the tap is wrong",
    2: "nobody knows this token",
    3: "the token is suspended",
    4: "the token was revoked",
    5: "the token has expired",
    6: "the device needs a new key, which it gets when it is online",
    7: "this tap was used before",
    8: "it is over a limit",
    9: "too many taps in too short a time",
    10: "another currency",
    11: "the tap was for another till",
    12: "the customer has to confirm on the device first",
    13: "the device declines",
    14: "the account refuses",
    15: "the till took it back before",
    16: "the merchant has accepted no terms",
    254: "the token on the customer's device has expired",
    255: "the customer's device declines this payment",
}


class Word(NamedTuple):
    """One code. text may name {a} and {b}, the two integers a log entry carries; hint says what to do."""

    name: str
    text: str
    hint: str = ""


WORDS = {
    201: Word("BOOT", "started, cause {a}", "causes: 0 power on, 1 reset, 2 watchdog, 3 soft reset, 4 timer, 5 button"),
    202: Word("READY", "services are running, {a} ms after start"),
    203: Word("SENSOR_BACK", "sensor {a} answers again"),
    204: Word("SAVED", "kept state written to flash"),
    205: Word(
        "INTERRUPTED", "stopped from the console; outputs are safe", "soft-reset the board to start the app again"
    ),
    206: Word("RULE", "rule {a} fired"),
    207: Word("HUB_ANSWERS", "the hub answers reports"),
    208: Word("ASLEEP", "deep sleep, for {a} ms at most"),
    211: Word("OWNERS_RULE", "the owner's rule {a} fired", "`tos dev rules DEVICE` lists them"),
    212: Word("PEER_CAME", "peer {a} has come, or another in its place; role {b}", "roles: docs/protocol.md, under /p"),
    213: Word("PEER_GONE", "peer {a} was removed"),
    214: Word("COMMANDED", "the hub's commands up to number {a} are done, {b} of them now"),
    215: Word("CLOCK_SET", "the hub set the clock, by {a} s (0: it had no time)"),
    217: Word("PAD_RELEASED", "a game pad fell silent with something pressed; all of it is released"),
    218: Word(
        "CANNOT_ANNOUNCE",
        "this device cannot announce itself on the network, errno {a}; it lives on without",
        "errno 98, 112: port 5353 is taken, as by the firmware's own mDNS; the hub, and who has its address, find it",
    ),
    219: Word("REMOTE_SET", "what the owner's rule {a} sets on another device is set"),
    220: Word("WIFI_JOINED", "on Wi-Fi, {a} dBm"),
    221: Word("WIFI_LOST", "Wi-Fi is gone; the device looks for it"),
    222: Word("WIFI_KEPT", "a new network works and is kept"),
    223: Word(
        "AP_OPEN", "the device's own access point is on, {a}", "0 open; 1 WPA2, with the key of `tos dev access-point`"
    ),
    224: Word("AP_CLOSED", "the device's own access point is off"),
    225: Word("WIFI_ROAMED", "changed to a stronger access point, from {a} to {b} dBm"),
    226: Word("IDENTIFIES", "somebody asked which device this is; it shows itself for 5 s"),
    230: Word("OTA_BEGUN", "update {a} is for this device and is being fetched"),
    231: Word("OTA_READY", "update {a} is here, whole; the device starts anew with it"),
    232: Word("OTA_TRIAL", "update {a} is on trial"),
    233: Word("OTA_CONFIRMED", "update {a} works and stays"),
    240: Word("TOKEN_CAME", "a payment key came, index {a}; it waits to be confirmed"),
    241: Word("TOKEN_GONE", "the payment token and its keys are gone"),
    242: Word("KEY_IN_USE", "payments are made with the key of index {a} from now on"),
    243: Word("PIN_SET", "a PIN was set"),
    244: Word("PAY_ARMED", "armed: it pays the next reader, for 30 s"),
    245: Word("PAY_SENT", "a cryptogram was given to a reader, transaction counter {a}"),
    246: Word("PAY_ENDED", "the result of payment {a} came: {b}", "docs/payments.md"),
    247: Word("PAY_CHECKED", "the cardholder was checked; that counts for 5 minutes"),
    250: Word("TAG_WIFI", "somebody wrote a Wi-Fi network to the device's tag; it is tried now"),
    251: Word("NOT_ARMED", "the customer's device is not ready to pay", "press its button, then tap again"),
    252: Word("CONFIRM_FIRST", "the customer has to confirm this amount", "confirm on the device, then tap again"),
    253: Word("OTHER_CARD", "this card does not pay here", "tap with a device that has a token of this system"),
    254: Word("TOKEN_EXPIRED", "the token on the customer's device has expired", "it gets another when it is online"),
    255: Word("CARD_DECLINED", "the customer's device declines this payment"),
    256: Word("SALE_BEGAN", "a sale of {a} (in cents, as all amounts here) began; it waits for a card"),
    257: Word("SALE_APPROVED", "the sale of {a} was approved"),
    258: Word(
        "SALE_DECLINED",
        "a sale was declined: {a}",
        "docs/payments.md has the reasons by number",
    ),
    259: Word("SALE_REVERSED", "the token service knows that the sale of {a} is void; {b} is 1 when it was booked"),
    260: Word("SALE_OFFLINE", "nobody could be asked: the sale of {a} is kept, to be told later; {b} are kept in all"),
    261: Word("OFFLINE_TOLD", "what was kept of {a} has been told: {b}"),
    262: Word("SALE_UNDONE", "of the last sale {a} were to be given back, 0 is all: {b}"),
    301: Word("CBOR_TRUNCATED", "the CBOR item ends too early, at byte {a}"),
    302: Word("CBOR_MALFORMED", "not well-formed CBOR, at byte {a}", "RFC 8949 appendix F"),
    303: Word("CBOR_TOO_DEEP", "CBOR nested deeper than this device accepts, at byte {a}"),
    304: Word("CBOR_KEY", "a map key is given twice or cannot be a key, at byte {a}"),
    305: Word("CBOR_TEXT", "a text string is not UTF-8, at byte {a}"),
    306: Word("CBOR_TRAILING", "bytes follow the CBOR item, from byte {a}"),
    307: Word("CBOR_NO_ROOM", "the value does not fit the buffer, at byte {a}"),
    308: Word("CBOR_TOO_MANY", "more CBOR items than this device accepts at once, at byte {a}"),
    321: Word("COAP_SHORT", "the datagram is shorter than a CoAP message"),
    322: Word("COAP_VERSION", "not CoAP version 1"),
    323: Word("COAP_FORMAT", "not a well-formed CoAP message, at byte {a}", "RFC 7252 section 3"),
    324: Word("DATAGRAM_TOO_LONG", "a datagram of more than 1152 bytes was dropped", "larger bodies need blocks"),
    325: Word("OBSERVERS_FULL", "no room for one more observer; the peer was answered without"),
    326: Word("OBSERVER_GONE", "an observer stopped answering and was dropped"),
    327: Word("BAD_OPTION", "a critical CoAP option that this device does not know"),
    328: Word("NOT_CBOR", "this resource speaks another content format", "CBOR is content format 60"),
    329: Word("BAD_BLOCK", "a body has no block {a}, or blocks have no such size", "RFC 7959 section 2.2"),
    331: Word("NO_SUCH_PATH", "no resource of this name", "`tos dev get DEVICE` lists them"),
    332: Word("READ_ONLY", "this resource cannot be written", "`tos dev get DEVICE --table` says which can"),
    333: Word("ORIGIN", "this origin may not write this resource"),
    334: Word("WRONG_TYPE", "the value has the wrong type", "`tos dev get DEVICE --table` shows types"),
    335: Word(
        "OUT_OF_RANGE",
        "the value is outside minimum and maximum, or not one of the options",
        "`tos dev get DEVICE --table` shows the bounds",
    ),
    336: Word(
        "SENSOR_SILENT",
        "an output stays safe while a sensor it depends on is silent",
        "mend the sensor; the log names it (402, 403)",
    ),
    337: Word("HUB_SILENT", "the hub does not answer reports; they go on", "is it on, at the address in config?"),
    338: Word(
        "HUB_REFUSES",
        "the hub refuses reports, CoAP answer {a}",
        "409: another device with this id is known at another address; 429: too many reports",
    ),
    341: Word(
        "RULE_MALFORMED",
        "a rule needs a resource that it watches, one condition, and a resource that it sets",
        "docs/protocol.md, under /b",
    ),
    342: Word("RULES_TOO_MANY", "an owner has at most 16 rules", "remove one first: `tos dev rules DEVICE --remove N`"),
    343: Word("NOT_A_SWITCH", "only a switch can be toggled", "say what to set it to"),
    344: Word("RULE_REFUSED", "the owner's rule {a} fired and was refused, code {b}", "`tos explain` has that code"),
    345: Word("OWNERS_LOOP", "the owner's rule {a} and others kept setting each other off; stopped"),
    346: Word("BODY_INCOMPLETE", "earlier blocks of this body are not here", "send it again from the first block"),
    347: Word("BODY_TOO_LONG", "a body of more than 4096 bytes, or there is no memory for it"),
    348: Word("PIN_LOCKED", "three wrong PINs: it pays nothing until the token service unlocks it"),
    349: Word("PIN_WRONG", "the PIN is wrong, {a} tries are left; or there is none"),
    350: Word(
        "CARD_MALFORMED", "a command, a data object or a message about payments is malformed: {a}", "docs/payments.md"
    ),
    351: Word("OSCORE_OPTION", "the OSCORE option of a message is missing or malformed", "RFC 8613 section 6.1"),
    352: Word(
        "OSCORE_CONTEXT", "a secured request of somebody this device is not paired with", "pair again: `tos pair`"
    ),
    353: Word("OSCORE_REPLAY", "a secured message came a second time, or too late; it was ignored"),
    354: Word("OSCORE_FORGED", "a secured message is damaged, or sealed with another key", "pair again if it lasts"),
    355: Word("OSCORE_OBSERVE", "a secured notification of what is not observed"),
    356: Word(
        "UNSECURED",
        "this device answers only whom it is paired with",
        "`tos pair CODE` takes the code that it shows; if it has an owner, press its pairing button first",
    ),
    357: Word("PEERS_FULL", "a device has at most 8 peers", "remove one first: `tos dev revoke`"),
    358: Word("PEER_NO_ROOM", "there is no memory to talk to one more peer now"),
    359: Word("CANNOT_PAY", "it cannot pay now, or not before its cardholder is checked", "`payment` of `/s` says why"),
    360: Word(
        "TAG_MALFORMED",
        "what was written to the device's tag is no Wi-Fi network, or damaged, at byte {a}",
        "write a record application/vnd.wfa.wsc, as Android does, and nothing in front of it that is not NDEF",
    ),
    361: Word("PAIR_MALFORMED", "a message of a pairing is damaged or not one", "docs/pairing.md"),
    362: Word(
        "PAIR_VERSION", "somebody wants to pair by a version that this device does not know", "update it, or tos"
    ),
    363: Word(
        "PAIR_ROLE",
        "somebody wants to pair for a role that cannot be had now",
        "press its pairing button first, which opens it for two minutes; the first who pairs is its owner",
    ),
    364: Word(
        "PAIR_BUSY", "another pairing is running, or there is no room for one more peer", "try again in a minute"
    ),
    365: Word("PAIR_OVER", "this pairing has ended, or was never begun, or began elsewhere", "begin again"),
    366: Word(
        "PAIR_SECRET", "somebody tried to pair without this device's secret", "is it the code that it shows now?"
    ),
    367: Word("ROLE", "this peer's role does not allow that", "docs/protocol.md has the table, under /p"),
    368: Word("PEER_MALFORMED", "what was brought is no peer that this device can have", "docs/protocol.md, under /p"),
    369: Word("HUB_MALFORMED", "no address of a hub that this device can use", "write it as ADDRESS:PORT, or :PORT"),
    372: Word(
        "ANSWER_UNSEALED",
        "who was asked with a key answered {a} in the clear; that counts as no answer",
        "401 often means that it does not know this device any more: pair again, or save the rule again on the hub",
    ),
    373: Word("ANSWER_BAD", "what the hub answered to a report is malformed; nothing of it was done"),
    374: Word("COMMAND_REFUSED", "command {a} of the hub was refused with code {b}; it counts as done"),
    375: Word("NOT_A_PEER", "config names a hub that is no peer of this device; it gets no reports", "pair again"),
    376: Word("MDNS_MALFORMED", "not a well-formed mDNS packet, at byte {a}; only the first is logged", "RFC 6762"),
    377: Word(
        "NAME_TAKEN",
        "something else on the network has this device's name; it announces itself with -{a} behind it",
        "its id is the same; `tos dev ls` goes by that",
    ),
    378: Word("PADS_FULL", "four game pads play already", "one that rests for ten seconds leaves its place"),
    379: Word("IMPROV_MALFORMED", "an Improv command is malformed, at byte {a}", "improv-wifi.com/serial"),
    380: Word("IMPROV_CHECKSUM", "an Improv packet is damaged", "the client sends it again"),
    381: Word(
        "WIFI_REFUSED",
        "a new network does not work and is not kept, reason {a}",
        "1 not found; 2 wrong password; 3 another security mode; 4 no address; 5 no answer; 6 could not be stored",
    ),
    382: Word("WIFI_UNREACHABLE", "none of the known networks can be joined now, reason {a}", "reasons: see 381"),
    383: Word("WIFI_BUSY", "another network is being tried", "try again in 15 s"),
    384: Word(
        "WIFI_MALFORMED", "a network has a name of 1 to 32 bytes and a password of at most 64", "docs/protocol.md"
    ),
    385: Word("CANNOT_IDENTIFY", "this product has no led, motor or display to show itself with"),
    386: Word("PORTAL_MALFORMED", "a request at the device's portal is malformed or too long", "docs/provisioning.md"),
    387: Word("OTA_MALFORMED", "what came is no manifest of an update, or not one that this device knows: {a}"),
    388: Word(
        "OTA_BASE", "the update is a delta to something else than what runs here", "push the full bundle of the release"
    ),
    389: Word(
        "OTA_KEY",
        "the update is signed with a key that this device does not know",
        "was it revoked? docs/updates.md; a simulated one is told by `tos sim --key`",
    ),
    390: Word("OTA_SIGNATURE", "the update's signature is wrong: it is not what was signed"),
    391: Word("OTA_PRODUCT", "the update is for another product or board", "`tos ota inspect BUNDLE` says for which"),
    392: Word(
        "OTA_OLD",
        "the update, sequence {a}, is not newer than what runs, or below the floor",
        "pack it with a higher --sequence",
    ),
    393: Word("OTA_DAMAGED", "block {a} of the update is not what was signed", "it is fetched again"),
    394: Word(
        "REMOTE_UNKNOWN",
        "a rule sets something on a device that is no peer of this one, or that it cannot call",
        "the hub brings them together: save the rule there",
    ),
    395: Word(
        "REMOTE_REFUSES",
        "the other device refuses what the owner's rule {a} sets there, answer {b}; it is not tried again",
        "403: it does not let this device; 404: it has no such resource; 0: what is to be toggled is no switch",
    ),
    396: Word(
        "REMOTE_SILENT",
        "the other device does not answer; what the owner's rule {a} wanted is given up",
        "is it on, and where the hub saw it last? It was tried for ten minutes, or until this device slept",
    ),
    397: Word(
        "BLE_NOT_AUTHORIZED",
        "somebody near wanted to change the network by Bluetooth; nothing was done",
        "if it was you: press the device's button, then try again within ten minutes",
    ),
    398: Word(
        "BLE_MTU_SHORT",
        "an answer of {a} bytes did not fit into a Bluetooth packet of {b}; the client can read it",
        "a client that agrees on an MTU of 261 gets every answer",
    ),
    399: Word("OTA_BUSY", "an update is under way, or on trial", "`tos ota` says how far it is; try again then"),
    401: Word("SERVICE_CRASHED", "service {a} crashed, {b} times since boot", "the log's crash text has the traceback"),
    402: Word("SENSOR_FAILED", "reading sensor {a} failed, {b} times in a row"),
    403: Word(
        "SENSOR_STALE",
        "sensor {a} is silent; outputs that depend on it are safe",
        "is it wired, and within its bounds? 203 says when it is back",
    ),
    404: Word(
        "OUTPUT_FAILED",
        "driving output {a} failed; it was told to be safe",
        "look at its wiring; the log's crash text may say more",
    ),
    405: Word(
        "RECORD_BAD", "a stored record was damaged; defaults are used", "the damaged file is kept beside it as .bad"
    ),
    406: Word("STORE_FULL", "no room in flash; the old value stays"),
    407: Word("STORE_FAILED", "the file system refused, errno {a}; the old value stays"),
    408: Word("RULE_LOOP", "rules keep setting each other off; stopped at rule {a}"),
    409: Word("RULE_CRASHED", "rule {a} raised; outputs are safe", "the log's crash text has the traceback"),
    410: Word("PORT_TAKEN", "UDP port {a} is in use", "stop the other program, or choose another port"),
    411: Word(
        "TOO_LONG_TO_SEND",
        "an answer has more than 8192 bytes, or there is no memory for it",
        "ask for single resources: /s/<path>",
    ),
    412: Word(
        "NEEDS_FEATURE", "the board lacks a feature that the app needs", "`tos board list` says what each board has"
    ),
    413: Word("HUB_ADDRESS", "config has no address of a hub that can be used", "write it as ADDRESS:PORT"),
    414: Word("SECRET_FAILED", "the pairing secret can be neither read nor kept; nobody can pair"),
    415: Word("RESET_FAILED", "a factory reset could not be done; the next start tries again"),
    416: Word(
        "CARRIED_BAD",
        "what was kept over deep sleep is damaged, or too old; the counters in flash are used",
    ),
    418: Word(
        "AP_FAILED",
        "the device's own access point cannot be opened, errno {a}; it tries again in a minute",
        "errno 0: it has an owner, and no pairing secret of which to make a key",
    ),
    419: Word("WIFI_CONFIG_BAD", "config has networks that cannot be used", "provision again"),
    421: Word(
        "RULE_DROPPED",
        "this version of the product has no place for the owner's rule {a}, code {b}",
        "the other rules stay; `tos dev rules DEVICE` lists them",
    ),
    422: Word("OSCORE_SPENT", "the sequence numbers of a key are used up; nothing is sent with it", "pair again"),
    423: Word("PEER_BAD", "what is stored of peer {a} cannot be read", "pair again"),
    424: Word(
        "SEQUENCE_LOST",
        "both copies of the counter of sent messages are lost; nothing is sent with the keys of today",
        "remove all peers and pair again",
    ),
    426: Word(
        "BLE_FAILED",
        "Bluetooth did not start, errno {a}; the device tries again in a minute",
        "12 is memory; provision by the serial port, the access point or the link meanwhile",
    ),
    430: Word(
        "OTA_PATCH", "a signed delta cannot be applied, at byte {a}", "push the full bundle; the delta's maker erred"
    ),
    431: Word(
        "OTA_KEYS",
        "the update would change key slot {a}, which it must not",
        "the slot of the key that signs stays as it is: sign with the other key",
    ),
    427: Word("OTA_ROOM", "the update wants {a} sectors of flash, and there are not so many", "docs/updates.md"),
    428: Word("OTA_CONTENT", "what was made of the update is not what was signed", "push the full bundle"),
    429: Word("OTA_PART", "the update has a part that this device has no place for"),
    434: Word("OTA_ROLLED_BACK", "update {a} came to nothing, code {b}; the version before runs again"),
    460: Word("OTA_FIRMWARE", "the firmware of the update did not start, three times; the one before runs again"),
    461: Word("OTA_IMAGE", "the firmware of the update is no image that this chip starts", "`tos ota pack --firmware`"),
    435: Word("OTA_CRASHED", "three starts of the update crashed, hung or failed their self-test"),
    436: Word("OTA_SLOT_DAMAGED", "the update's bytes in the flash are damaged"),
    437: Word("OTA_SELF_TEST", "the update fails its self-test: a service crashed, or a sensor is silent"),
    438: Word("OTA_SOURCE", "the update's bytes are not to be had where the device was told"),
    439: Word("OTA_ORDER", "that is no order about updates, or not one for now", "docs/updates.md"),
    440: Word("OTA_ASKED", "somebody asked for the version before"),
    441: Word("OTA_MEMORY", "there was no memory for the update; what runs goes on", "push it again after a restart"),
    442: Word(
        "OTA_REDIRECT", "the web server of the update sends the device from one address to another", "give the last one"
    ),
    443: Word("OTA_ANSWER", "what answers where the update is to be is no web server, or not one that keeps to Range"),
    444: Word(
        "OTA_STALLED",
        "the update's bytes have stopped coming, {a} of them are here; the device tries again, and goes on from there",
        "is the server on, is its file whole? `abort` ends it",
    ),
    446: Word("TOKEN_BAD", "the stored payment token cannot be read; it pays nothing", "bring the token again"),
    447: Word(
        "ATC_LOST",
        "the transaction counter of the payment token is lost; it pays nothing with it",
        "revoke the token, and bring one with a new id",
    ),
    456: Word(
        "CANNOT_SELL",
        "this till cannot do that now: {a}",
        "terms: its token service has to bring them; owed: eight sales wait to be told; busy: a sale is under way",
    ),
    457: Word("TILL_REFUSED", "the token service refuses with {a} what the till owed it; that is given up"),
    458: Word("TILL_ANSWER", "the token service answered a till with what is no answer to that; it is asked again"),
    459: Word("SALE_LOST", "a tap was lost behind its cryptogram; it is reversed, and nothing is charged"),
}
