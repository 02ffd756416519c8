# Improv over BLE, for boards whose chip and heap have room for it: the service that begins and ends it.
package("tos", ("ble.py",), base_path="..", opt=3)
include("improv_ble.py")
