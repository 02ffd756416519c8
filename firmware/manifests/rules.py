# What knows the owner's rules, at a start and for whoever reads or replaces them; those that there are stay in core.
loaded = "while it lasts"
package("tos", ("rules.py",), base_path="..", opt=3)
