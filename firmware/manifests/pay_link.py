# What the link is asked of payments: tokens, keys, results. Once loaded it stays.
loaded = "once asked for"
package("tos", ("pay_link.py",), base_path="..", opt=3)
