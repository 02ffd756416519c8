# Payments, for an app that imports tos.pay, on a board with an nfc feature: 17 KB of .mpy, of a chip's heap some 22 KB;
# `make bench` has the figures.
loaded = "by the app"
package("toscore", ("apdu.py", "card.py", "cmac.py", "emv.py", "tlv.py"), base_path="../../lib", opt=3)
package("tos", ("owned.py", "pay.py", "pin.py", "taps.py", "wallet.py"), base_path="..", opt=3)
include("pay_link.py")
