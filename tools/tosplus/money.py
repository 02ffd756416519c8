"""Money: integers of a currency's minor unit, and the exponents of ISO 4217. Pure."""

import re
from typing import NamedTuple

from .errors import UsageFault

MOST = 10**12 - 1  # minor units: what the twelve digits of EMV's 9F02 hold

# Code, number, digits of the minor unit: ISO 4217, the currencies of which we are sure.
_TABLE = """
AED 784 2  ARS 032 2  AUD 036 2  BGN 975 2  BHD 048 3  BRL 986 2  CAD 124 2  CHF 756 2  CLP 152 0  CNY 156 2
COP 170 2  CZK 203 2  DKK 208 2  EGP 818 2  EUR 978 2  GBP 826 2  HKD 344 2  HUF 348 2  IDR 360 2  ILS 376 2
INR 356 2  IQD 368 3  ISK 352 0  JOD 400 3  JPY 392 0  KES 404 2  KRW 410 0  KWD 414 3  LYD 434 3  MAD 504 2
MXN 484 2  MYR 458 2  NGN 566 2  NOK 578 2  NZD 554 2  OMR 512 3  PHP 608 2  PLN 985 2  PYG 600 0  QAR 634 2
RON 946 2  RSD 941 2  RUB 643 2  SAR 682 2  SEK 752 2  SGD 702 2  THB 764 2  TND 788 3  TRY 949 2  TWD 901 2
UAH 980 2  UGX 800 0  USD 840 2  VND 704 0  XAF 950 0  XOF 952 0  ZAR 710 2
"""
_FIELDS = _TABLE.split()


class Currency(NamedTuple):
    """number: as in EMV's 5F2A. exponent: digits of the minor unit."""

    code: str
    number: int
    exponent: int


BY_CODE = {c: Currency(c, int(n), int(e)) for c, n, e in zip(_FIELDS[::3], _FIELDS[1::3], _FIELDS[2::3], strict=True)}
BY_NUMBER = {currency.number: currency for currency in BY_CODE.values()}


def currency(code: str) -> Currency:
    """Raises UsageFault."""
    try:
        return BY_CODE[code]
    except KeyError:
        raise UsageFault(f"no currency {code!r}; there are {', '.join(BY_CODE)}") from None


def minor(text: str, currency: Currency) -> int:
    """ "12.30" of EUR -> 1230. Raises UsageFault: no number, more digits than the currency has, or too much."""
    found = re.fullmatch(r"([0-9]{1,12})(?:\.([0-9]+))?", text, re.ASCII)
    fraction = (found and found[2]) or ""
    if not found or len(fraction) > currency.exponent:
        raise UsageFault(f"{text!r} is no amount of {currency.code}, with {currency.exponent} digits after the point")
    amount = int(found[1] + fraction.ljust(currency.exponent, "0"))
    if amount > MOST:
        raise UsageFault(f"{text} {currency.code} is too much")
    return amount


def positive(text: str, currency: Currency) -> int:
    """As minor, and more than nothing."""
    amount = minor(text, currency)
    if not amount:
        raise UsageFault(f"{text} {currency.code} is nothing")
    return amount


def words(amount: int, currency: Currency) -> str:
    """1230 of EUR -> "12.30"."""
    sign, digits = "-" if amount < 0 else "", str(abs(amount)).rjust(currency.exponent + 1, "0")
    point = len(digits) - currency.exponent
    return f"{sign}{digits[:point]}.{digits[point:]}" if currency.exponent else sign + digits
