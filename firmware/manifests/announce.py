# The device's own name on its network, by multicast DNS.
loaded = "always"
package("toscore", ("mdns.py",), base_path="../../lib", opt=3)
package("tos", ("announce.py",), base_path="..", opt=3)
