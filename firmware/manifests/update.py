# What takes an update, and says how it is. It ends in a restart; one that fails, and a question, leave theirs loaded.
loaded = "once asked for"
package("toscore", ("ota.py", "ota_manifest.py", "patch.py", "ecdsa.py", "fetch.py"), base_path="../../lib", opt=3)
package("tos", ("update.py", "writer.py", "slots.py"), base_path="..", opt=3)
