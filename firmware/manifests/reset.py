# A factory reset. It ends in a restart.
loaded = "while it lasts"
package("tos", ("reset.py",), base_path="..", opt=3)
