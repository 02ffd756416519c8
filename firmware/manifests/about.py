# Who the device is, its log, its list of resources, for whoever asks.
loaded = "while it lasts"
package("tos", ("about.py",), base_path="..", opt=3)
