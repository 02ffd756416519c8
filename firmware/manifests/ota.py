# `/o` of the link: a stub until somebody asks for an update, or one goes on.
loaded = "always"
package("tos", ("ota.py",), base_path="..", opt=3)
