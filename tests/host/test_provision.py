"""`tos provision` against a simulated device's serial port, and its packets against the standard's examples."""

import asyncio
import json
import os
import pty
import random
import sys

import pytest
from tosplus import improv
from tosplus.errors import HostError, Unreachable
from tosplus.sim.device import Device

GUESS = "zq zq zq"
HOME = {"ssid": "home", "password": "right one", "rssi_dbm": -50}
CAFE = {"ssid": "caf\u00e9", "password": None, "rssi_dbm": -40}
AROUND = (HOME, CAFE, {**HOME, "rssi_dbm": -70, "bssid": "up"}, {**HOME, "ssid": "attic", "hidden": True})

# The standard's own example, section "Send Wi-Fi settings": SSID MyWirelessAP, password mysecurepassword.
EXAMPLE = b"IMPROV\x01\x03\x20\x01\x1e\x0cMyWirelessAP\x10mysecurepassword"


class Script:
    """A port that expects packets and gives answers: [(expected, bytes), ...]."""

    def __init__(self, *steps):
        self.steps = list(steps)
        self._out = b""

    def write(self, data):
        expected, answer = self.steps.pop(0)
        assert data == expected
        self._out += answer

    def read(self, size):
        out, self._out = self._out[:size], self._out[size:]
        return out


def tos(tmp_path, test, app="kettle"):
    """test(run, device): run(*arguments, text) -> (exit code, out, err) of `tos provision`."""

    async def main():
        state = tmp_path / ".tos" / "home" / "it"
        async with Device(app, "it", state_dir=state, rate=20, access_points=AROUND) as device:
            await device.ready()

            async def run(*arguments, text=""):
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tosplus", "provision", *arguments),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    cwd=tmp_path,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                )
                out, err = await asyncio.wait_for(process.communicate(text.encode()), 60)
                return process.returncode, out.decode(), err.decode()

            await test(run, device)

    asyncio.run(main())


def test_settings_are_packed_as_in_the_standards_example():
    whole = EXAMPLE + bytes((sum(EXAMPLE) & 255,))
    done = improv.pack(1, b"\x04")
    port = Script((whole, b"\n" + done + b"\n"))
    improv.Client(port).join("MyWirelessAP", "mysecurepassword")
    assert port.steps == []


def test_packets_are_found_among_what_an_app_prints_however_it_is_cut():
    packets = [improv.Packet(1, b"\x02"), improv.Packet(4, b"\x03\x00"), improv.Packet(4, bytes(range(255)))]
    said = b"tos 1 202 0 0\nIMPRO"
    for packet in packets:
        said += b"half a line IMPROV\x01\x04\x02ab!" + b"\n" + improv.pack(*packet) + b"\nIMPROV IMPROV\x02"
    for seed in range(50):
        rng = random.Random(seed)
        stream, found, at = improv.Stream(), [], 0
        while at < len(said):
            size = rng.randint(1, 40)
            found += stream.feed(said[at : at + size])
            at += size
        assert found == packets
        assert b"202 0 0" in stream.text


def test_any_damage_is_no_packet_and_harms_none():
    rng = random.Random(1)
    whole = improv.pack(4, b"\x04\x0b\x04home\x03-50YES")
    for n in range(len(whole)):
        assert list(improv.Stream().feed(whole[:n])) == []
    more = 0
    for _ in range(20000):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        found = list(improv.Stream().feed(bytes(data) + bytes(300) + whole))
        assert found[-1:] == [improv.Packet(4, whole[9:-1])]
        more += len(found) - 1
    assert more < 400  # where the length is another, the sum may be right by chance
    for wrong in (b"\x05abc", b"\x00\x01", b"\xff"):
        with pytest.raises(HostError):
            improv.strings(wrong)


def test_a_port_at_which_nobody_answers_is_told(monkeypatch):
    monkeypatch.setattr(improv, "_ANSWER_S", 0.01)
    ask = improv.pack(3, b"\x02\x00")
    with pytest.raises(Unreachable):
        improv.Client(Script((ask, b""), (ask, b"MicroPython\n>>> "), (ask, b""))).is_provisioned()


def test_a_device_is_provisioned_with_a_password_from_the_input(tmp_path):
    async def test(run, device):
        code, out, err = await run("--port", "it", "--ssid", "home", "--password-stdin", text="right one\n")
        assert (code, out) == (0, "kettle is on home, and keeps it.\n") and "UNIX" in err
        code, out, _ = await run("--ssid", "attic", "--password-stdin", "--json", text="right one\n")
        said = json.loads(out)
        assert code == 0 and said["joined"] and said["ssid"] == "attic" and said["device"]["board"] == "UNIX"
        assert "right one" not in out

    tos(tmp_path, test)


@pytest.mark.parametrize(
    ("ssid", "password", "reason", "why"),
    [("home", GUESS, 2, "wrong password"), ("none", GUESS, 1, "no such network"), ("home", "", 3, "security")],
)
def test_a_refusal_says_why_and_what_to_do(tmp_path, ssid, password, reason, why):
    async def test(run, device):
        code, out, err = await run("--port", device.tty, "--ssid", ssid, "--password-stdin", text=password + "\n")
        assert code == 1 and out == "" and f"{ssid}: " in err and why in err
        code, out, _ = await run("--ssid", ssid, "--password-stdin", "--json", text=password + "\n")
        assert code == 1 and json.loads(out)["reason"] == reason
        assert GUESS not in err + out and GUESS.encode() not in (device.state_dir / "console.log").read_bytes()

    tos(tmp_path, test)


def test_who_gives_nothing_is_asked_and_the_password_does_not_show(tmp_path):
    async def test(run, device):
        master, slave = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tosplus", "provision"),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )
        os.close(slave)
        shown = b""

        async def until(text):
            nonlocal shown
            while text not in shown:
                shown += await asyncio.wait_for(asyncio.to_thread(os.read, master, 1000), 30)

        await until(b"Which one")
        assert b"1  caf\xc3\xa9" in shown and b"2  home" in shown and b"attic" not in shown
        os.write(master, b"2\n")
        await until(b"Password of home")
        await asyncio.sleep(0.2)
        os.write(master, b"right one\n")
        await until(b"is on home")
        assert await asyncio.wait_for(process.wait(), 60) == 0
        os.close(master)
        assert b"right one" not in shown

    tos(tmp_path, test)


def test_what_cannot_be_is_told_before_anything_is_sent(tmp_path):
    async def test(run, device):
        for arguments, text, code, told in (
            (("--json",), "", 2, "--ssid"),
            (("--ssid", "home"), "", 2, "--password-stdin"),
            (("--ssid", "s" * 33, "--password-stdin"), "x", 2, "32 bytes"),
            (("--ssid", "home", "--password-stdin"), "p" * 65, 2, "64 bytes"),
            (("--port", "/dev/none", "--ssid", "home", "--password-stdin"), "x", 2, "/dev/none"),
        ):
            done = await run(*arguments, text=text)
            assert done[0] == code and told in done[2], (arguments, done)
        assert "--password " not in (await run("--help"))[1]

    tos(tmp_path, test)


def test_without_a_device_it_asks_which(tmp_path):
    async def main():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tosplus", "provision", "--ssid", "x"),
            cwd=tmp_path,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        _, err = await process.communicate()
        assert process.returncode in (1, 2) and b"--port" in err  # 1 where there is no board, 2 where there are several

    asyncio.run(main())
