# What takes an update; tos/ota.py loads and drops it.
loaded = "while it lasts"
package(
    "toscore",
    ("ota.py", "ota_blocks.py", "ota_manifest.py", "ota_sign.py", "patch.py", "ecdsa.py", "fetch.py"),
    base_path="../../lib",
    opt=3,
)
package(
    "tos",
    ("update.py", "download.py", "pull.py", "web.py", "room.py", "writer.py", "flash.py")
    + ("firmware.py", "finish.py", "trial.py", "slots.py"),
    base_path="..",
    opt=3,
)
