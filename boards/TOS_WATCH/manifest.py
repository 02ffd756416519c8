include("$(PORT_DIR)/boards/manifest.py")  # what stock firmware has frozen in
include("../../firmware/manifests/core.py")
include("../../firmware/manifests/ble.py")
include("../../firmware/manifests/esp32.py")
include("../../firmware/manifests/nfc.py")
include("../../firmware/manifests/tag.py")
include("../../firmware/manifests/pay.py")
package("tos", ("ports/esp32/nfc.py",), base_path="../../firmware")
package("tos", ("drivers/ssd1306.py",), base_path="../../firmware")
