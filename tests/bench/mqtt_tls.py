"""What one report costs by MQTT 3.1.1 over TLS 1.3, when the device has slept since the last: bytes both ways. CPython.

A real handshake by OpenSSL, in memory, with a P-256 certificate or with the ticket of the last one; then CONNECT, a
PUBLISH with QoS 1 of the same CBOR as the secured report has, DISCONNECT. TCP and IP are counted, not run: 40 bytes of
headers a segment of at most 1460, three segments to open, four to close, and an acknowledgement of the last that comes.
"""

import contextlib
import datetime
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_HEADERS_B = 40
_SEGMENT_B = 1460
_NAME = "hub.local"


def reports(device_id, payload):
    """-> (bytes of one with a full handshake, of one with a ticket)."""
    with tempfile.TemporaryDirectory() as folder:
        server, client = _contexts(Path(folder))
    full_b, session = _report(server, client, device_id, payload, None)
    resumed_b, session = _report(server, client, device_id, payload, session)
    return full_b, resumed_b


def _contexts(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
    names = x509.SubjectAlternativeName([x509.DNSName(_NAME)])
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "pem").write_bytes(pem + key.private_bytes(serialization.Encoding.PEM, *form))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "pem")
    server.num_tickets = 1
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cadata=pem.decode())
    client.minimum_version = server.minimum_version = ssl.TLSVersion.TLSv1_3
    return server, client


def _report(server, client, device_id, payload, session):
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    a = client.wrap_bio(to_client, to_server, server_hostname=_NAME, session=session)
    b = server.wrap_bio(to_server, to_client, server_side=True)
    counted_b = 7 * _HEADERS_B
    ends = {a: to_server, b: to_client}

    def turn(end, act):
        """What one side writes now, in as few segments as it fits."""
        nonlocal counted_b
        before_b = ends[end].pending
        with contextlib.suppress(ssl.SSLWantReadError):
            act()
        written_b = ends[end].pending - before_b
        counted_b += written_b + _HEADERS_B * -(-written_b // _SEGMENT_B)

    turn(a, a.do_handshake)
    turn(b, b.do_handshake)
    turn(a, a.do_handshake)
    turn(b, b.do_handshake)
    name = device_id.encode()
    connect = _packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x3c" + _text(name))
    turn(a, lambda: a.write(connect))
    assert b.read(1000) == connect
    turn(b, lambda: b.write(bytes.fromhex("20020000")))
    assert a.read(1000) == bytes.fromhex("20020000")
    publish = _packet(0x32, _text(b"r/" + name) + b"\x00\x01" + payload)
    turn(a, lambda: a.write(publish))
    assert b.read(1000) == publish
    turn(b, lambda: b.write(bytes.fromhex("40020001")))
    assert a.read(1000) == bytes.fromhex("40020001")
    turn(a, lambda: a.write(bytes.fromhex("e000")))
    assert a.session_reused is (session is not None)
    return counted_b + _HEADERS_B, a.session


def _packet(head, body):
    assert len(body) < 128
    return bytes((head, len(body))) + body


def _text(value):
    return len(value).to_bytes(2, "big") + value
