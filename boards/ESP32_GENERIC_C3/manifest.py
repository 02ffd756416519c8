include("$(PORT_DIR)/boards/manifest.py")  # what stock firmware has frozen in
include("../../firmware/manifests/core.py")
include("../../firmware/manifests/esp32.py")
