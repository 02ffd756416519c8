# The pairing code, which is printed at the start of a device that nobody owns, and at the press of its button.
loaded = "while it lasts"
package("toscore", ("pairing_code.py",), base_path="../../lib", opt=3)
