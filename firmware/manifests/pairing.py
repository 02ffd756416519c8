# The exchange of a pairing, and what its owner asks of `/p`; tos/pairing.py, which loads and drops them, is in core.
loaded = "while it lasts"
package("toscore", ("pairing.py", "p256.py"), base_path="../../lib", opt=3)
package("tos", ("pair.py", "trust.py"), base_path="..", opt=3)
