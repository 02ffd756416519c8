# The driver of a PN532, of a board that loads and drops it: its app needs it seldom.
loaded = "while it lasts"
package("toscore", ("pn532.py",), base_path="../../lib", opt=3)
package("tos", ("drivers/pn532.py", "drivers/pn532_bus.py", "ports/esp32/nfc.py"), base_path="..", opt=3)
