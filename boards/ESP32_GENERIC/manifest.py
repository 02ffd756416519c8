include("$(PORT_DIR)/boards/manifest.py")  # what stock firmware has frozen in
include("../../firmware/manifests/core.py")
package("tos", ("ports/esp32/__init__.py", "ports/esp32/radio.py"), base_path="../../firmware")
