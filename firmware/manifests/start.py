# How an app starts.
loaded = "while it lasts"
package("tos", ("start.py",), base_path="..", opt=3)
