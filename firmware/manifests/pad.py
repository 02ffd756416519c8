# Game pads, for an app with `@app.pad`.
loaded = "by the app"
package("toscore", ("packed_viper.py",), base_path="../../lib", opt=3)
package("tos", ("pad.py",), base_path="..", opt=3)
