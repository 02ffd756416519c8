"""`tos till` from the keyboard to the ledger: a simulated watch in pcscd's virtual reader, and `tos tokens serve`.

All share one watch, whose token that service has issued, one reader and one service."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading

import httpx
import pytest
from host.tokens.bank import GENEROUS, TERMS, check
from payer import watch
from pcsc import reader
from tosplus.sim import vpcd
from tosplus.tokens import parties, sales, wallet
from tosplus.tokens.serve import Options, opened
from tosplus.tokens.views import ledger

TAKE = ("--merchant", "CAMPUS", "--terminal", "TILL-1", "--reader", "00 00")  # vpcd has two
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
OPTIONS, RECORD = b"\x80\xa8", b"\x00\xb2"


class Between:
    """HTTP in front of the service. Its answers are kept back as often as `keeps` says, though the service has them."""

    def __init__(self, behind):
        self.behind, self.keeps, self.kept = behind, 0, threading.Event()
        self.said = []

    async def serve(self, lines, writer):
        head = await lines.readuntil(b"\r\n\r\n")
        size = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1])
        body, path = await lines.readexactly(size), head.split()[1].decode()
        names = (b"authorization", b"content-type")
        fields = [line.split(b": ", 1) for line in head.split(b"\r\n") if line.lower().startswith(names)]
        self.said.append((path, body))
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(self.behind + path, content=body, headers=dict(fields))
        if self.keeps:
            self.keeps -= 1
            self.kept.set()
        else:
            writer.write(b"HTTP/1.1 %d x\r\nconnection: close\r\n" % answer.status_code)
            writer.write(b"content-length: %d\r\n\r\n%b" % (len(answer.content), answer.content))
        writer.close()


class Run:
    """`tos till` as a process. done(): (exit code, stdout, stderr), in which there is no secret and no number."""

    def __init__(self, shop, *arguments, service=None, asks=""):
        command = [*shop.root, "env", f"PYTHONPATH={ENVIRONMENT['PYTHONPATH']}", sys.executable, "-m", "tosplus"]
        command += ["till", "--state", shop.state, "--service", service or shop.address, "--secret-file", shop.secret]
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        self.process = subprocess.Popen([*command, *arguments], text=True, **pipes)
        self._shop, self._asks = shop, asks
        shop.runs.append(self)
        with open(f"/proc/{self.process.pid}/cmdline") as shown:
            assert shop.word not in shown.read()

    def done(self):
        out, err = self.process.communicate(self._asks, timeout=60)
        assert self._shop.word not in out + err and self._shop.number not in out + err
        return self.process.returncode, out, err

    def kill(self):
        pid = str(self.process.pid)
        own = subprocess.run(["ps", "-o", "pid=", "--ppid", pid], capture_output=True, text=True).stdout.split()
        subprocess.run([*self._shop.root, "kill", "-9", *own, pid], check=True)
        assert self.process.wait(20)
        self.process.communicate()


class Shop:
    """watch: armed by arm(). bank: the service's own, beside its process."""

    def __init__(self, folder, call, root, device, bank, address):
        self.call, self.root, self.watch, self.bank, self.address = call, root, device, bank, address
        self.state, self.secret = str(folder / "till"), str(folder / "secret")
        self.runs = []  # of this test
        self.hold = None  # (begin of a command whose answer is held back, what happens then)
        self.freed = asyncio.Event()  # what is held back is let go

    def till(self, *arguments, **about):
        return Run(self, *arguments, **about).done()

    def arm(self):
        self.call(self.watch.device.press("button_b", 200))
        self.call(self.watch.until("payment", "armed"))

    async def rest(self):
        """Nothing is held back any more, and the watch is not armed."""
        self.freed.set()
        await self.watch.client.set("arm", False)
        while await self.watch.client.get("payment") in ("armed", "confirm"):
            await asyncio.sleep(0.05)

    def take(self, amount, *arguments, **about):
        self.arm()
        return self.till("take", amount, *TAKE, "--json", *arguments, **about)

    def list(self):
        return json.loads(self.till("list", "--json")[1])

    @property
    def held(self):
        rows = self.bank.read(lambda c: ledger(c, 1)).balances
        return sum(row.amount for row in rows if (row.account, row.layer) == ("sales:CAMPUS", "held"))

    async def answered(self, reader, message):
        """vpcd's, unless the test holds this one back; the card has given it."""
        answer = await self.real(reader, message)
        if self.hold and message[:2] == self.hold[0]:
            await self.hold[1]()
            raise OSError("the field is gone")
        return answer


@contextlib.contextmanager
def looping():
    """-> call(coroutine), in a loop that runs beside the tests."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield lambda coroutine: asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextlib.contextmanager
def served(folder):
    """-> (the service on its database here, address of `tos tokens serve` on the same)."""
    bank = opened(Options(folder))
    command = [sys.executable, "-m", "tosplus", "tokens", "--state", folder, "serve", "--port", "0", "--coap-port", "0"]
    command.append("--json")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        yield bank, json.loads(process.stdout.readline())["address"]
        check(bank)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=60)
        finally:
            process.kill()
            bank.close()


def issued(bank):
    """A till's secret, and a token of somebody with money, whose key is brought past the courier."""

    def work(c, now):
        parties.add_merchant(c, "test", "CAMPUS", "EUR", now)
        parties.put_terms(c, "test", TERMS, now)
        parties.accept(c, "test", "CAMPUS", TERMS.hash, "the owner", "paper 7", now)
        wallet.open_holder(c, "test", "ann", "EUR", 0, now)
        wallet.topup(c, "test", "ann", 100_000, "", now)
        id = wallet.issue(c, "test", "ann", None, GENEROUS, now).id
        offer = wallet.offer(c, bank.keys, dki, id, now)
        wallet.delivered(c, id, offer.ki, now)
        wallet.confirmed(c, id, offer.ki, 0, now)
        return parties.add_till(c, "test", "CAMPUS", "TILL-1", now)[1], id, offer

    dki = bank.dki()
    return bank.write(work)


@contextlib.asynccontextmanager
async def opening(folder, call, bank, address):
    word, token, offer = issued(bank)
    key = offer.number, offer.psn, offer.luk, offer.dki, offer.ki
    async with reader() as (port, root, _), watch(folder, token=key) as (device, air):
        shop = Shop(folder, call, root, device, bank, address)
        shop.word, shop.token, shop.number = word, token, offer.number
        with open(os.open(shop.secret, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
            f.write(word)
        shop.real, vpcd._answer = vpcd._answer, shop.answered
        serving = asyncio.create_task(vpcd.serve(air, port=port))
        try:
            yield shop
        finally:
            serving.cancel()
            vpcd._answer = shop.real


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("till")
    with looping() as call, served(folder / "tokens") as (bank, address):
        around = opening(folder, call, bank, address)
        shop = call(around.__aenter__())
        try:
            yield shop
        finally:
            call(around.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def as_it_was(request, shop):
    """Whatever became of a test, the next one finds nobody at work, nothing owed, and a watch that may pay."""
    shop.freed, failed = asyncio.Event(), request.session.testsfailed
    yield
    shop.hold = None
    for run in shop.runs:
        if run.process.poll() is None:
            run.kill()
    shop.runs.clear()
    shop.call(shop.rest())
    wallet_is = shop.bank.read(lambda c: wallet.token(c, shop.token)).state
    if wallet_is == "suspended":
        shop.bank.write(lambda c, now: wallet.resume(c, "test", shop.token, now))
    if request.session.testsfailed > failed:
        shop.till("send")


@pytest.fixture
def between(shop):
    """Between till and service; it has an address."""
    made = Between(shop.address)
    server = shop.call(asyncio.start_server(made.serve, "127.0.0.1", 0))
    made.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    shop.call(closed(server))


async def closed(server):
    server.close()


def test_a_tap_is_approved_and_its_receipt_says_so(shop):
    before = shop.held
    shop.arm()
    code, out, err = shop.till("take", "12.50", *TAKE)
    assert code == 0 and err == "Hold the device to the reader\nAsking the token service\n"
    lines = out.splitlines()
    assert lines[0] == "CAMPUS  TILL-1" and lines[2] == "12.50 EUR  approved"
    assert re.fullmatch(r"approval  \w{6}\nnumber    [0-9a-f]+\ntoken     \*\*\*\* \d{4}", "\n".join(lines[3:]))
    assert shop.held == before + 1250
    latest = shop.list()[0]
    assert (latest["state"], latest["amount"], latest["number"]) == ("approved", 1250, lines[4].split()[1])
    assert latest["token"] == f"**** {shop.number[-4:]}"


def test_a_suspended_token_is_declined_in_words(shop):
    shop.bank.write(lambda c, now: wallet.suspend(c, "test", shop.token, now))
    before = shop.held
    code, out, _ = shop.take("1.00")
    told = json.loads(out)
    assert code == 1 and (told["state"], told["reason"]) == ("declined", 3)
    assert told["words"] == "declined: the token is suspended" and shop.held == before


def test_a_device_that_leaves_behind_its_cryptogram_pays_nothing(shop):
    before = shop.held
    shop.hold = RECORD, lambda: asyncio.sleep(0)
    code, out, err = shop.take("0.07")
    assert code == 1 and json.loads(out)["state"] == "reversed" and "taken back" in err
    assert shop.held == before and shop.till("send")[1] == "the service has been told everything\n"


def test_an_answer_that_is_lost_is_asked_for_again_and_pays_once(shop, between):
    before, between.keeps = shop.held, 1
    code, out, err = shop.take("0.29", service=between.address)
    assert code == 0 and json.loads(out)["state"] == "approved" and "asking again" in err
    assert len(between.said) == 2 and between.said[0] == between.said[1] and shop.held == before + 29


def test_when_no_answer_comes_the_payment_is_taken_back_as_soon_as_there_is_a_service(shop, between):
    before, between.keeps = shop.held, 2
    code, out, err = shop.take("0.07", "--patience", "0", service=between.address)
    assert code == 3 and json.loads(out)["state"] == "reversing" and "1 still to be told" in err
    assert [path for path, _ in between.said] == ["/y/auth", "/y/reverse"]
    assert shop.held == before  # it was told, though its answer was lost
    code, _, err = shop.till("send", service="http://127.0.0.1:1")
    assert code == 3 and "1 still to be told" in err
    assert shop.till("send")[0] == 0 and shop.list()[0]["state"] == "reversed" and shop.held == before


def test_a_till_that_is_killed_while_it_asks_takes_the_payment_back_at_its_next_start(shop, between):
    before, between.keeps = shop.held, 99
    shop.arm()
    run = Run(shop, "take", "0.07", *TAKE, "--patience", "60", service=between.address)
    assert between.kept.wait(60)
    run.kill()
    assert shop.held == before + 7 and shop.list()[0]["state"] == "asks"
    shop.till("send")
    assert shop.held == before and shop.list()[0]["state"] == "reversed"


def test_a_till_that_is_killed_while_the_card_is_asked_finds_the_sale_in_its_list(shop):
    before, asked = shop.held, threading.Event()

    async def held():
        asked.set()
        await shop.freed.wait()

    shop.hold = OPTIONS, held
    shop.arm()
    run = Run(shop, "take", "0.08", *TAKE)
    assert asked.wait(60)
    run.kill()
    shop.call(shop.rest())
    assert (shop.list()[0]["amount"], shop.list()[0]["state"]) == (8, "begun")
    assert shop.till("send")[0] == 0
    assert shop.list()[0]["state"] == "lost" and shop.held == before


def test_above_the_devices_limit_its_customer_confirms_and_stays_in_the_field(shop):
    shop.arm()
    run = Run(shop, "take", "30.00", *TAKE, "--json")
    shop.call(shop.watch.until("payment", "confirm"))
    shop.call(shop.watch.device.press("button_b", 200))
    code, out, err = run.done()
    assert code == 0 and json.loads(out)["amount"] == 3000
    assert err.count("confirm on the device") == 1


def test_nobody_taps(shop):
    assert shop.till("take", "1", *TAKE, "--wait", "0.3")[::2] == (
        1,
        "Hold the device to the reader\nError: nobody has tapped; nothing was paid\n",
    )


def test_one_amount_after_the_other_voids_and_refunds(shop):
    before = shop.held
    shop.arm()
    code, out, _ = shop.till("take", *TAKE, "--json", asks="x\n2.00\n\n")
    sold = json.loads(out)
    assert code == 0 and shop.held == before + 200
    code, out, _ = shop.till("void", sold["number"])
    assert code == 0 and "void" in out and out.strip().endswith(f"done  {sold['number']}") and shop.held == before
    number = json.loads(shop.take("2.00")[1])["number"]
    code, out, _ = shop.till("refund", number, "0.50", "--json")
    assert code == 1 and json.loads(out)["state"] == "refused"  # it is not settled yet
    while shop.bank.write(lambda c, now: sales.settle(c, "test", "CAMPUS", now)):
        pass
    for amount, code in (("0.50", 0), ("1.50", 0), ("0.01", 1)):
        assert shop.till("refund", number, amount)[0] == code
    assert [row["state"] for row in shop.list()[:3]] == ["refused", "done", "done"]


def test_its_readers_are_listed_and_of_several_one_is_named(shop):
    assert "TOS+" in shop.till("readers")[1]
    code, _, err = shop.till("take", "1", *TAKE[:4])
    assert code == 2 and "TOS+" in err
