# A till, for an app that imports tos.till, on a board with an nfc feature: 1.5 KB of .mpy at rest.
loaded = "by the app"
package("tos", ("till.py",), base_path="..", opt=3)
include("till_parts.py")
