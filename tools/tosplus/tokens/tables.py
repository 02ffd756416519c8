"""The token service's tables, for SQLite and PostgreSQL. Times are s since 1970, amounts minor units.

A row of `transfers` and `postings` is never changed and never goes. The database is made by migrations/, which the
tests hold to be the same as what stands here.
"""

import sqlalchemy as sa

meta = sa.MetaData()


def _key(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, primary_key=True)


def _text(name: str, null: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=null)


def _number(name: str, null: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger, nullable=null)


def _time(name: str, null: bool = False) -> "sa.Column[float]":
    return sa.Column(name, sa.Double, nullable=null)


def _bytes(name: str, null: bool = False) -> "sa.Column[bytes]":
    return sa.Column(name, sa.LargeBinary, nullable=null)


imks = sa.Table("imks", meta, sa.Column("dki", sa.Integer, primary_key=True), _bytes("sealed"), _time("made_at"))

# Holders of tokens. posted and held: the sums of the account's postings, kept with them, as each tap asks for them.
# credit: how far below zero it may go.
holders = sa.Table(
    "holders", meta, _key("id"), _text("currency"), _number("credit"), _number("posted"), _number("held"),
    _time("made_at"),
)  # fmt: skip

# tap_most, day_most: amounts; hour_most: taps; check_above: beyond it the device has to have checked its cardholder.
# told: what the device believes of its state; none: it was never told anything else than that it may pay.
tokens = sa.Table(
    "tokens", meta, _key("number"), sa.Column("id", sa.Text, nullable=False, unique=True), _number("psn"),
    _text("holder"), _text("device", null=True), _text("state"), _time("expires"), _number("tap_most"),
    _number("day_most"), _number("hour_most"), _number("check_above"), _time("made_at"),
    _text("told", null=True),
)  # fmt: skip

# Our key with each device: sealed; sent: so many numbers of it were used, or may have been. kid: what the device sends
# with. till: the credential by which it knows that it is a till, and which.
devices = sa.Table(
    "devices", meta, _key("id"), _bytes("sealed"), _number("sent"), _bytes("kid", null=True), _text("till", null=True),
    _time("made_at"),
    sa.Index("devices_by_kid", "kid", unique=True),
)  # fmt: skip

# used: the ATCs that came with this key, two bytes each. accepted: how many of them were approved. last: after the key
# has been replaced, the highest ATC that it may still come with.
luks = sa.Table(
    "luks", meta, _key("number"), sa.Column("ki", sa.BigInteger, primary_key=True), _number("dki"), _text("state"),
    _number("accepted"), _bytes("used"), _time("made_at"), _time("until"), _number("last", null=True),
)  # fmt: skip

merchants = sa.Table(
    "merchants", meta, _key("id"), _text("currency"), _text("terms", null=True), _time("made_at"),
)  # fmt: skip
terms = sa.Table("terms", meta, _key("hash"), _text("id"), _text("shares"), _time("made_at"))
acceptances = sa.Table(
    "acceptances", meta, _key("id"), _text("merchant"), _text("hash"), _text("by"), _text("record"), _time("at"),
)  # fmt: skip

# digest: SHA-256 of the secret, where there is one. merchant, terminal: of a till. party: of one to whom its statements
# are told.
credentials = sa.Table(
    "credentials", meta, _key("id"), _text("scope"), _text("merchant", null=True), _text("terminal", null=True),
    _text("party", null=True),
    sa.Column("digest", sa.Text, nullable=True, unique=True), _time("made_at"), _time("revoked_at", null=True),
)  # fmt: skip

# Those whose secret is our key with a device. name: for receipts. country: ISO 3166-1, numeric. offline_tap,
# offline_all: what it may take of a tap, and of all, that it cannot ask for.
tills = sa.Table(
    "tills", meta, _key("credential"), _text("device"), _text("name"), _number("country"),
    _number("offline_tap", null=True), _number("offline_all", null=True),
    sa.Index("tills_by_device", "device"),
)  # fmt: skip

# Whatever was asked to be authorised, and the answer. request: "credential:key" of the first time it was asked, digest:
# of what. counted: its cryptogram was right, and so its ATC is spent. amount, captured, refunded: minor units.
auths = sa.Table(
    "auths", meta, _key("id"), sa.Column("request", sa.Text, nullable=False, unique=True), _text("digest"),
    _text("number"), _number("ki"), _number("atc"), sa.Column("counted", sa.Boolean, nullable=False),
    _text("merchant"), _text("terminal"), _text("holder", null=True), _text("terms", null=True), _text("currency"),
    _number("amount"), _time("at"), _number("reason"), _text("code", null=True), _bytes("csu"),
    _bytes("mac", null=True), _text("state"), _number("captured"), _number("refunded"),
    sa.Index("auths_once", "number", "ki", "atc", unique=True, sqlite_where=sa.text("counted"),
             postgresql_where=sa.text("counted")),
    sa.Index("auths_by_token", "number", "at"),
    sa.Index("auths_held", "merchant", "state"),
)  # fmt: skip

# A till's word that an authorisation is not to be, also of one that has not come yet.
reversals = sa.Table("reversals", meta, _key("id"), _time("at"))

transfers = sa.Table(
    "transfers", meta, _key("id"), _text("kind"), _time("at"), _text("auth", null=True), _text("note"),
)  # fmt: skip
postings = sa.Table(
    "postings", meta, _key("transfer"), sa.Column("line", sa.Integer, primary_key=True), _text("account"),
    _text("currency"), _text("layer"), _number("amount"),
)  # fmt: skip

# A merchant's income under one version of terms, in one currency; net: after so many lines.
books = sa.Table(
    "books", meta, _key("id"), _text("merchant"), _text("terms"), _text("currency"), _number("net"), _number("lines"),
)  # fmt: skip
book_lines = sa.Table(
    "book_lines", meta, _key("book"), sa.Column("line", sa.BigInteger, primary_key=True), _text("transfer"),
    _text("auth"), _text("kind"), _time("at"), _number("amount"), _number("net"),
)  # fmt: skip

# Answers to other requests than authorisations, for their idempotency keys.
answers = sa.Table("answers", meta, _key("request"), _text("digest"), _text("answer"), _time("at"))

audit = sa.Table(
    "audit", meta, sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    _time("at"), _text("who"), _text("what"), _text("subject"), _text("outcome"),
)  # fmt: skip
