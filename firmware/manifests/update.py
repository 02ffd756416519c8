# What takes an update; tos/ota.py loads and drops it.
loaded = "while it lasts"
package("toscore", ("ota.py", "ota_manifest.py", "patch.py", "ecdsa.py", "fetch.py"), base_path="../../lib", opt=3)
package("tos", ("update.py", "pull.py", "trial.py", "writer.py", "slots.py"), base_path="..", opt=3)
