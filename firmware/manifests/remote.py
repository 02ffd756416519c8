# An owner's rules that set what another device has, and a device that shows which one it is. Once loaded they stay.
loaded = "once asked for"
package("tos", ("remote.py", "identify.py"), base_path="..", opt=3)
