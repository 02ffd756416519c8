# The ports of ESP32 chips; boards include it.
package("tos", ("ports/esp32/__init__.py", "ports/esp32/radio.py", "ports/esp32/board.py"), base_path="..", opt=3)
include("joining.py")
