# The front of Improv over BLE, loaded while the device wants a network.
loaded = "while it lasts"
package("toscore", ("improv_ble.py",), base_path="../../lib", opt=3)
package("tos", ("improv_ble.py",), base_path="..", opt=3)
