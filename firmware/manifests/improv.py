# Improv over the serial port. The networks themselves are core's.
loaded = "while it lasts"
package("toscore", ("improv.py",), base_path="../../lib", opt=3)
package("tos", ("improv_serial.py",), base_path="..", opt=3)
