# A contactless card or reader, for an app that needs it: the driver of a PN532.
loaded = "by the app"
package("toscore", ("pn532.py",), base_path="../../lib", opt=3)
package("tos", ("drivers/pn532.py", "drivers/pn532_bus.py"), base_path="..", opt=3)
