"""A till on a PC: a PC/SC reader, a customer's device in its field, and the token service by HTTP."""
