"""What tokens, keys and authorisations are, in words that the database keeps."""

# Of a token: its first key is not there yet, is there, and is in use.
REQUESTED, PROVISIONED, ACTIVE = "requested", "provisioned", "active"
SUSPENDED, REVOKED = "suspended", "revoked"

# Of a key: sent, and perhaps there; there; in use (ACTIVE); another one took over.
OFFERED, DELIVERED, RETIRED = "offered", "delivered", "retired"

# Of an authorisation. A reversed one was voided by who lost the answer.
HELD, CAPTURED, VOIDED, REVERSED, DECLINED = "held", "captured", "voided", "reversed", "declined"
