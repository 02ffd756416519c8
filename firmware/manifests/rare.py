# The plain CBOR: tags, bignums, and the bound of a payload from whom one does not trust. Once loaded it stays.
loaded = "once asked for"
package("toscore", ("cbor.py",), base_path="../../lib", opt=3)
