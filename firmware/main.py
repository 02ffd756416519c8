# What MicroPython starts. The board brings the hardware, app the product.
import board
from app import app

app.run(board)
