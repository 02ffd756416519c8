# Multicast DNS; tos/announce.py loads and drops it.
loaded = "while it lasts"
package("toscore", ("mdns.py",), base_path="../../lib", opt=3)
