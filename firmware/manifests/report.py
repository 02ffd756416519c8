# Reports to a hub, and the commands that their answers bring: of a device that is paired with one.
loaded = "paired"
package("tos", ("report.py", "asker.py", "commands.py"), base_path="..", opt=3)
