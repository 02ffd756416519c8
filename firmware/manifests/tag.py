# A tag for phones, for an app that uses tos.tag, on a board with an nfc feature.
loaded = "by the app"
package("toscore", ("ndef.py", "type4.py", "wsc.py"), base_path="../../lib", opt=3)
package("tos", ("tag.py",), base_path="..", opt=3)
