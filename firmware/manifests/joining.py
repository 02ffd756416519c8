# How an ESP32 joins a network, or is one.
loaded = "while it lasts"
package("tos", ("ports/esp32/joining.py",), base_path="..", opt=3)
