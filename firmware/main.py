# What MicroPython starts. The board brings the hardware, app the product.
import board

# A client of Improv asks every second while a device starts, and 0x03 is in what it sends: it must not interrupt. What
# comes waits for tos/console.py. After the watchdog's reset Ctrl-C stops an app that hangs before it gets there.
if board.cause != 2:
    board.console.open()
try:
    from app import app

    app.run(board)
finally:
    board.console.close()
