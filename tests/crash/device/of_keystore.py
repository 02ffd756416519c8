"""What is stored: a key of the Unix port's keystore. Unix port only."""

import struct

import of_record
from tos.ports.unix import Keystore


class Subject(of_record.Subject):
    path = "/nvs/key"

    def load(self):
        return Keystore().get("key")

    def write(self, version):
        Keystore().put("key", self.value(version))

    def erase(self):
        Keystore().erase("key")

    def value(self, version):
        return struct.pack("<I", version) + bytes([version & 0xFF]) * self.pad_b

    def version(self, value):
        return struct.unpack("<I", value[:4])[0]
