# Runs before main.py at every start. Stock MicroPython needs nothing here; the file holds its place for updates.
