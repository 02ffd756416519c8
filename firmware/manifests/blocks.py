# Bodies in blocks.
loaded = "while it lasts"
package("toscore", ("block.py",), base_path="../../lib", opt=3)
