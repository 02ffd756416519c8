include("$(PORT_DIR)/boards/manifest.py")  # what stock firmware has frozen in
include("../../firmware/manifests/core.py")
include("../../firmware/manifests/esp32.py")
include("../../firmware/manifests/reader.py")
include("../../firmware/manifests/till.py")
include("../../firmware/manifests/tag.py")
package("tos", ("drivers/ssd1306.py", "drivers/keypad.py"), base_path="../../firmware")
