"""Why a tap was declined: numbers for the till and the device, words for people."""

from enum import IntEnum


class Reason(IntEnum):
    """As in the answer to a till; a number is never given a second meaning."""

    APPROVED = 0
    CRYPTOGRAM = 1
    UNKNOWN = 2
    SUSPENDED = 3
    REVOKED = 4
    EXPIRED = 5
    KEY = 6
    USED = 7
    AMOUNT = 8
    OFTEN = 9
    CURRENCY = 10
    TERMINAL = 11
    CHECK = 12
    NO_ARQC = 13
    ACCOUNT = 14
    REVERSED = 15
    TERMS = 16


WORDS = {
    Reason.APPROVED: "approved",
    Reason.CRYPTOGRAM: "the cryptogram is wrong: another key, or something was altered",
    Reason.UNKNOWN: "there is no such token",
    Reason.SUSPENDED: "the token is suspended",
    Reason.REVOKED: "the token was revoked",
    Reason.EXPIRED: "the token has expired, or its counter has come to its end",
    Reason.KEY: "the key is used up or too old; the device has to fetch another",
    Reason.USED: "this tap was there before",
    Reason.AMOUNT: "more than the token's limit",
    Reason.OFTEN: "too many taps within an hour",
    Reason.CURRENCY: "another currency than the account's or the merchant's",
    Reason.TERMINAL: "the tap was made for another merchant or terminal",
    Reason.CHECK: "the device has to check its cardholder first",
    Reason.NO_ARQC: "the device did not ask for an authorisation",
    Reason.ACCOUNT: "there is not enough in the account",
    Reason.REVERSED: "the till has taken it back already",
    Reason.TERMS: "the merchant has not accepted terms",
}
