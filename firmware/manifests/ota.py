# Orders of updates: loads and drops what takes one, and stays itself. How an update is, the core tells.
loaded = "once asked for"
package("tos", ("ota.py",), base_path="..", opt=3)
