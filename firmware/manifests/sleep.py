# Deep sleep, for an app that imports tos.sleep.
loaded = "by the app"
package("tos", ("sleep.py", "carried.py"), base_path="..", opt=3)
