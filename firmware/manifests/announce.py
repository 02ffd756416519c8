# The device's own name on its network, by multicast DNS. What speaks it is there while there is something to say.
include("mdns.py")
package("tos", ("announce.py",), base_path="..", opt=3)
