# What joins a network, keeps those of the owner and roams; tos/wifi.py, which loads and drops it, is in core.
loaded = "while it lasts"
package("tos", ("net.py", "provision.py"), base_path="..", opt=3)
