"""The section "Every message, byte by byte" of docs/protocol.md: `python tests/annotate.py` writes it anew.

The device's own code makes the bytes, and what they say is read back here by hand; tests/host/test_annotate.py
compares with what stands in the document. PYTHONPATH=lib:tools:tests.
"""

import json
from pathlib import Path

import aiocoap
from toscore import cbor, coap, mdns, oscore_kernel, packed
from toscore.oscore import Context
from toscore.sequence import Reserve
from tosplus.link import oscore, pair, schema
from unit.helpers import aes

DOCUMENT = Path(__file__).parents[1] / "docs" / "protocol.md"
BEGIN = "## Every message, byte by byte\n"
END = "\n## "

TABLE = [{0: 0, 1: "temp", 2: "sensor", 3: "°C"}, {0: 1, 1: "power", 2: "switch", 8: True, 11: False}]
IDENTITY = {0: "kettle-c0ffee", 1: "kettle", 2: "0.1.0", 3: "UNIX", 4: ["relay"], 5: TABLE}
BROUGHT = {0: b"sixteen bytes..!", 1: b"salt", 2: b"\x31", 3: b"\x32", 6: 6, 7: ["power"]}
FORMAT = (coap.CONTENT_FORMAT, bytes([coap.CBOR]))
PAD = (513, 1, -127, 127, 0, 0, 0, 255)
TOKEN = b"\x2d\x56"
MID = 7
OSCORE = 9
TAG_B = 8
PEER = oscore.Context(bytes(range(1, 17)), b"salt", b"\x00", b"\x01")  # a secret for this example, and for no other use


def path(*parts):
    return [(coap.URI_PATH, part.encode()) for part in parts]


def unhexed(name):
    """A message of the pairing of docs/pairing.md."""
    vectors = json.loads((DOCUMENT.parents[1] / "tests" / "vectors" / "pairing.json").read_text(encoding="utf-8"))
    return bytes.fromhex(vectors[0][name])


def request(code, options, value=None):
    """value: as Python has it; bytes are CBOR already."""
    payload = b"" if value is None else value if isinstance(value, bytes) else cbor.dumps(value)
    return coap.encode(coap.CON, code, MID, TOKEN, options + ([FORMAT] if payload else []), payload)


def answer(value, *options):
    return coap.encode(coap.ACK, coap.CONTENT, MID, TOKEN, [*options, FORMAT], cbor.dumps(value))


def record(dump, size_b, values):
    into, buf = packed.record(), bytearray(size_b)
    for i, value in enumerate(values):
        into[i] = value
    dump(buf, 0, into)
    return bytes(buf)


def announcement():
    responder = mdns.Responder("kettle-c0ffee", 5683, bytes)
    responder.say(0, bytes([192, 0, 2, 7]), ("id=kettle-c0ffee", "model=kettle", "version=0.1.0", "paired=0"))
    for now in range(0, 1000, 250):
        responder.tick(now)
    return responder.out[3][0]


def secured():
    """(request, answer) of switching on, as frames; made by the device's own code, for both sides."""
    made = []
    for sender, recipient in ((PEER.sender, PEER.recipient), (PEER.recipient, PEER.sender)):
        numbers = Reserve(20, lambda n: None)
        made.append(Context(aes, oscore_kernel, PEER.secret, PEER.salt, sender, recipient, numbers.next))
        made[-1].window.begin()
    client, device = made
    code, options, payload, asked = client.protect_request(coap.PUT, [*path("s", "power"), FORMAT], cbor.dumps(True))
    request = coap.encode(coap.CON, code, MID, TOKEN, options, bytes(payload))
    device.unprotect_request(asked, options, payload)
    code, options, payload = device.protect_response(asked, coap.CHANGED, [], b"")
    return request, coap.encode(coap.ACK, code, MID, TOKEN, options, bytes(payload))


def opened(frame, request=None):
    """What is inside a secured frame, by the host's code."""
    parts = [None if one is None else coap.option(coap.decode(one)[4], OSCORE) for one in (frame, request)]
    value, asked = [None if part is None else oscore.option(part) for part in parts]
    return PEER.open(value, coap.decode(frame)[5], asked)


def examples():
    """[(heading, frame or CBOR item, words for its keys)]. Words: {key: name or (name, words below)}, None for DNS."""
    sealed, confirmed = secured()
    resources = {**schema.IDENTITY, 5: ("resources", schema.ROW)}
    events = {**schema.EVENTS, 2: ("latest", {"items": ("sequence", "ms", "index", "value")})}
    log = {**schema.LOG, 1: ("ring", {"items": ("ms", "code", "a", "b")})}
    refusal = coap.encode(coap.ACK, 128, MID, TOKEN, [], b"334 power")
    return [
        ("Who are you: GET `/d`", request(coap.GET, path("d")), {}),
        ("its answer", answer(IDENTITY), resources),
        ("Tell me of each change: GET `/s` with Observe", request(coap.GET, [(coap.OBSERVE, b""), *path("s")]), {}),
        (
            "its answer, and each notification with the next number",
            answer({0: 21, 1: False}, (coap.OBSERVE, b"\x01")),
            {},
        ),
        ("Switch on: PUT `/s/power`", request(coap.PUT, path("s", "power"), True), {}),
        ("done", coap.encode(coap.ACK, coap.CHANGED, MID, TOKEN), {}),
        ("or refused", refusal, {}),
        ("What happened: the answer of `/e`", answer({0: 0x5EED1234, 1: 4321, 2: [[1, 1500, 3, "press"]]}), events),
        ("The log: the answer of `/l`", answer({0: 4321, 1: [[9, 201, 0, 0]], 2: {201: 1}}), log),
        (
            "I live: POST `/r/<device id>`, to a hub",
            request(coap.POST, path("r", "kettle-c0ffee"), {0: 0x5EED1234, 1: 1800000000}),
            schema.REPORT,
        ),
        ("Pair: POST `/p`, in the clear, with m1", request(coap.POST, path("p"), unhexed("m1")), pair.M1),
        (
            "m2, in a message of its own",
            coap.encode(coap.CON, coap.CHANGED, 99, TOKEN, [FORMAT], unhexed("m2")),
            pair.M2,
        ),
        ("m3, which is answered by an empty 2.04", request(coap.POST, path("p"), unhexed("m3")), pair.M3),
        (
            "Who is paired: the answer of `/p`",
            answer({0: 0, 1: [["Ann's laptop", 1, []], ["switch", 6, ["power"]]]}),
            {**schema.TRUSTED, 1: ("peers", {"items": ("name", "role", "paths")})},
        ),
        (
            "A hub brings a peer: PUT `/p/switch`, which is only ever sent secured",
            request(coap.PUT, path("p", "switch"), BROUGHT),
            schema.BROUGHT,
        ),
        ("and revokes it: DELETE `/p/switch`", request(coap.DELETE, path("p", "switch")), {}),
        ("Report to where this comes from: PUT `/r`", request(coap.PUT, path("r"), {0: ":5685"}), schema.MAILBOX),
        (
            "The same of a sleeper that a hub knows, inside OSCORE: POST `/r`",
            request(
                *(coap.POST, path("r")),
                {0: 0x5EED1234, 1: 1800000000, 2: {0: 21, 1: False}, 3: 600000, 4: True, 5: 41},
            ),
            schema.REPORT,
        ),
        (
            "and what it answers",
            coap.encode(
                *(coap.ACK, coap.CHANGED, MID, TOKEN, [FORMAT]), cbor.dumps({0: 1800000001, 1: [[42, 1, True]]})
            ),
            {**schema.ANSWER, 1: ("commands", {"items": schema.COMMAND})},
        ),
        ("Rules: PUT `/b`", request(coap.PUT, path("b"), [{0: 0, 1: 98, 4: 1, 5: False}]), schema.RULE),
        (
            "Controller input: PUT `/i`, not confirmable, without token and format",
            coap.encode(coap.NON, coap.PUT, MID, b"", path("i"), record(packed.dump_pad, packed.PAD_B, PAD)),
            {},
        ),
        (
            "Telemetry, [packed.py](../lib/toscore/packed.py)",
            record(packed.dump_telemetry, packed.TELEMETRY_B, (1, -1, 2, -2, 3, -3, 4, -4)),
            {},
        ),
        ("Here I am: to 224.0.0.251, port 5353", announcement(), None),
        ("Switch on, secured: PUT `/s/power` in OSCORE", sealed, {}),
        ("Inside of that", opened(sealed), {}),
        ("done, secured", confirmed, {}),
        ("Inside of that answer", opened(confirmed, sealed), {}),
    ]


def reader(heading, data, words):
    """What reads an example."""
    if words is None:
        return lines_of_dns
    if heading.startswith("Inside"):
        return lines_of_inside
    return lines_of_frame if data[0] >> 6 == 1 else lines_of_cbor


def lines_of_frame(frame, words):
    """Yields (bytes, what they say) of a CoAP message, RFC 7252 section 3."""
    kind, code, mid, token, options, payload = coap.decode(frame)
    kind = ("CON", "NON", "ACK", "RST")[kind]
    code = aiocoap.numbers.codes.Code(code)
    yield frame[:4], f"{kind}, {len(token)} B of token; {code}; message id {mid}"
    at = 4 + len(token)
    if token:
        yield frame[4:at], "token"
    yield from lines_of_content(frame, at, options, payload, words)


def lines_of_inside(data, words):
    """Yields as lines_of_frame, of what is encrypted in OSCORE: a code, options, a payload (RFC 8613 section 5.3)."""
    _, code, _, _, options, payload = coap.decode(b"\x40" + data[:1] + b"\0\0" + data[1:])
    yield data[:1], str(aiocoap.numbers.codes.Code(code))
    yield from lines_of_content(data, 1, options, payload, words)


def lines_of_content(frame, at, options, payload, words):
    for number, value in options:
        head_b = 1 + (frame[at] >> 4 > 12) + (frame[at] & 15 > 12)  # no example has more
        name = aiocoap.numbers.optionnumbers.OptionNumber(number).name.title().replace("_", "-")
        text = value.decode() if number == coap.URI_PATH else str(int.from_bytes(value, "big"))
        if number == OSCORE:
            name = "OSCORE"
            text = f"number {value[1]}, id {value[2:].hex()}" if value else "that of the request"
        yield frame[at : at + head_b + len(value)], f"{name}: {text}"
        at += head_b + len(value)
    if payload:
        yield frame[at : at + 1], "payload follows"
        if coap.option(options, OSCORE) is not None:
            if len(payload) > TAG_B:
                yield payload[:-TAG_B], "encrypted"
            yield payload[-TAG_B:], "tag"
        elif options == path("i"):
            yield from lines_of_pad(payload)
        elif any(number == coap.CONTENT_FORMAT for number, _ in options):
            yield from lines_of_cbor(payload, words)
        else:
            yield payload, f'text: "{payload.decode()}"'


def lines_of_dns(packet, words):
    """Yields (bytes, what they say) of a response of multicast DNS, in which nothing is compressed."""
    answers = packet[7]
    assert packet[:12] == bytes([0, 0, 0x84, 0, 0, 0, 0, answers, 0, 0, 0, 0])
    yield packet[:12], f"response, authoritative; {answers} answers"
    at = 12
    for _ in range(answers):
        name, end = dns_name(packet, at)
        yield packet[at:end], name
        kind = {1: "A", 12: "PTR", 16: "TXT", 33: "SRV"}[packet[end + 1]]
        ttl_s = int.from_bytes(packet[end + 4 : end + 8], "big")
        size = int.from_bytes(packet[end + 8 : end + 10], "big")
        yield packet[end : end + 4], f"  {kind}, class IN{', cache flush' if packet[end + 2] & 128 else ''}"
        yield packet[end + 4 : end + 10], f"  for {ttl_s} s, {size} B:"
        at = end + 10
        end = at + size
        if kind == "SRV":
            yield packet[at : at + 6], f"  priority 0, weight 0, port {int.from_bytes(packet[at + 4 : at + 6], 'big')}"
            at += 6
        if kind == "A":
            yield packet[at:end], f"  {'.'.join(map(str, packet[at:end]))}"
        elif kind == "TXT":
            while at < end:
                yield packet[at : at + 1 + packet[at]], f"  {packet[at + 1 : at + 1 + packet[at]].decode()}"
                at += 1 + packet[at]
        else:
            yield packet[at:end], f"  {dns_name(packet, at)[0]}"
        at = end
    assert at == len(packet)


def dns_name(packet, at):
    """-> (name, offset behind it)"""
    labels = []
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += 1 + packet[at]
    return ".".join(labels), at + 1


def lines_of_pad(data):
    """Yields as lines_of_frame, of a record of toscore.packed."""
    yield data[:1], "10 B:"
    at = 1
    for name, size_b in zip(schema.PAD, (2, 2, 1, 1, 1, 1, 1, 1)):
        value = int.from_bytes(data[at : at + size_b], "little", signed=name[-2:] in ("_x", "_y"))
        yield data[at : at + size_b], f"  {name}: {value}"
        at += size_b


def lines_of_cbor(data, words):
    at, lines = item(data, 0, words, "")
    assert at == len(data)
    return lines


def item(data, at, words, indent, name=""):
    """The item at data[at] -> (offset behind it, [(bytes, what they say)])."""
    major, info = data[at] >> 5, data[at] & 31
    extra_b = {24: 1, 25: 2, 26: 4, 27: 8}.get(info, 0)
    body = at + 1 + extra_b
    number = int.from_bytes(data[at + 1 : body], "big") if extra_b else info
    says = f"{indent}{name}: " if name else indent
    if major in (2, 3):
        end = body + number
        text = f'"{data[body:end].decode()}"' if major == 3 else f"{number} B"
        return end, [(data[at:end], says + text)]
    if major == 6:
        end, below = item(data, body, words, indent + "  ")
        return end, [(data[at:body], f"{says}tag {number}, of"), *below]
    if major not in (4, 5):
        value, end = cbor.load_from(data, at)
        return end, [(data[at:end], says + json.dumps(value))]
    kinds = ("map", "pair") if major == 5 else ("array", "item")
    lines = [(data[at:body], f"{says}{kinds[0]}, {number} {kinds[1]}{'' if number == 1 else 's'}")]
    at = body
    for i in range(number):
        if major == 5:
            key, value_at = cbor.load_from(data, at)
            known = words.get(key, str(key))
            name, below = known if isinstance(known, tuple) else (known, {})
            end, inner = item(data, value_at, below, indent + "  ", name)
            (first, text), *rest = inner
            lines += [(data[at:value_at] + first, text), *rest]
        else:
            names = words.get("items") if isinstance(words, dict) and indent.count("  ") > 1 else None
            end, inner = item(data, at, words, indent + "  ", names[i] if names else "")
            lines += inner
        at = end
    return at, lines


def section():
    """The whole section as it stands in the document."""
    out = [
        BEGIN,
        "Made by the device's own code and checked by a test. `PYTHONPATH=lib:tests .venv/test/bin/python",
        "tests/annotate.py` writes this section anew. `tos explain HEX` says the same of any other bytes;",
        "[link.cddl](../lib/toscore/link.cddl) is the grammar.\n",
    ]
    for heading, data, words in examples():
        lines = reader(heading, data, words)(data, words)
        out.append(f"{heading}, {len(data)} byte{'' if len(data) == 1 else 's'}:\n")
        for raw, text in lines:
            shown = [raw[i : i + 8].hex(" ") for i in range(0, len(raw), 8)]
            out += [f"    {shown[0]:24}{text}".rstrip(), *[f"    {more}" for more in shown[1:]]]
        out.append("")
    return "\n".join(out)


def stands(document):
    """The section in the document's text -> (begin, end) of it; its end twice when there is none."""
    begin = document.find(BEGIN)
    if begin < 0:
        return len(document), len(document)
    end = document.find(END, begin + len(BEGIN))
    return begin, len(document) if end < 0 else end + 1


if __name__ == "__main__":
    text = DOCUMENT.read_text()
    begin, end = stands(text)
    behind = text[end:]
    DOCUMENT.write_text(text[:begin].rstrip("\n") + "\n\n" + section() + ("\n" if behind else "") + behind)
