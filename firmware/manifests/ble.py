# Improv over BLE, for chips that have it. What is here is loaded while the device wants a network, and dropped then.
package("toscore", ("improv_ble.py",), base_path="../../lib")
package("tos", ("ble.py", "improv_ble.py"), base_path="..")
