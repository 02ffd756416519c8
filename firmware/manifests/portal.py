# The device's own access point and the pages there; tos/wifi.py loads and drops them.
loaded = "while it lasts"
package("toscore", ("dns.py", "http.py"), base_path="../../lib", opt=3)
package("tos", ("fallback.py", "portal.py", "portal_page.py"), base_path="..", opt=3)
