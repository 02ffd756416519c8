"""What every board with an ESP32 has from its chip, by the names of tos/ports; its board.py imports all. ESP32 only."""

from tos.ports import esp32
from tos.ports.esp32.radio import Radio

uid = esp32.uid
cause = esp32.cause

clock = esp32.Clock()
console = esp32.Console()
watchdog = esp32.Watchdog()
radio = Radio(clock)
keystore = esp32.Keystore()
rtc = esp32.Rtc()
rng = esp32.rng
aes = esp32.aes

Partition = esp32.Partition
sleep = esp32.sleep
restart = esp32.restart
services = esp32.services
