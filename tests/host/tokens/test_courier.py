"""Keys on their way to a device, through a real hub that reads nothing of it: two phases, each of which may be cut."""

import asyncio
import contextlib

import aiocoap
import cbor2
import pytest
import sqlalchemy as sa
from aiocoap import resource
from host.hub.running import hub
from host.hub.secure_fake import SecureFake
from host.hub.test_trust import add, run, settled
from tosplus.errors import Unreachable
from tosplus.hub import relay
from tosplus.link.pairing_code import parse
from tosplus.reasons import Reason
from tosplus.tokens import tables, wallet
from tosplus.tokens.courier import Courier, bring
from tosplus.tokens.device import Declined, Devices
from tosplus.tokens.results import Results
from tosplus.tokens.rows import Missing, Refused
from tosplus.tokens.wire import Result

from .bank import GENEROUS, Bank
from .taps import Card


class Wallet(resource.Resource):
    """/y/token of a device, by its contract. asleep_after: so many requests are done and not answered."""

    def __init__(self):
        super().__init__()
        self.id = self.pending = self.used = None
        self.is_checked, self.loses, self.states, self.atc, self.log = True, None, [], 1, []

    def _heard(self, what):
        self.log.append(what)
        if self.loses == what:
            self.loses = None
            raise _Silence

    async def render_put(self, request):
        told = cbor2.loads(request.payload)
        assert sorted(told) == list(range(10)) and request.opt.content_format == 60
        if self.used and not self.is_checked:
            return _refused(aiocoap.SERVICE_UNAVAILABLE, 359)
        if self.used and told[0] == self.id and told[6] < self.used[6]:
            return _refused(aiocoap.BAD_REQUEST, 350)
        self.pending = told
        self._heard("put")
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_post(self, request):
        told = cbor2.loads(request.payload)
        if self.pending and (self.pending[0], self.pending[6]) == (told[0], told[6]):
            self.id, self.used, self.pending = told[0], self.pending, None
        if not self.used or (self.id, self.used[6]) != (told[0], told[6]):
            return _refused(aiocoap.BAD_REQUEST, 350)
        self._heard("post")
        return aiocoap.Message(code=aiocoap.CHANGED)

    async def render_get(self, request):
        told = {0: self.id, 1: 2 if self.used else 0, 2: self.atc, 3: self.used and self.used[6]}
        told[9] = self.pending and self.pending[0]
        self._heard("get")
        return aiocoap.Message(payload=cbor2.dumps(told), content_format=60)

    async def render_delete(self, request):
        self.id = self.pending = self.used = None
        return aiocoap.Message(code=aiocoap.DELETED)

    def card(self):
        told = self.used
        return Card(told[1], told[7], told[6], told[5], told[2], self.atc - 1)


class _Silence(aiocoap.error.ConstructionRenderableError):
    """Done, but the answer is lost: the service hears a fault instead."""

    code = aiocoap.INTERNAL_SERVER_ERROR
    message = "lost"


class _State(resource.Resource):
    def __init__(self, wallet):
        super().__init__()
        self.wallet = wallet

    async def render_put(self, request):
        told = cbor2.loads(request.payload)
        if told[0] not in (self.wallet.id, 1):  # 1: the counter of a result
            return _refused(aiocoap.BAD_REQUEST, 350)
        self.wallet.states.append(told[1])
        self.wallet._heard("state")
        return aiocoap.Message(code=aiocoap.CHANGED)


def _refused(code, number):
    return aiocoap.Message(code=code, payload=b"%d" % number)


class House:
    """A hub, a device that pays, a token service that is paired with it through the hub."""

    def __init__(self, bank, devices, fake, wallet, hub):
        self.bank, self.devices, self.fake, self.wallet, self.hub = bank, devices, fake, wallet, hub

    def issue(self, money=10_000):
        holder = f"h{self.bank.count(tables.holders)}"
        self.bank.write(lambda c, now: wallet.open_holder(c, "test", holder, "EUR", 0, now))
        self.bank.write(lambda c, now: wallet.topup(c, "test", holder, money, "", now))
        return self.bank.write(lambda c, now: wallet.issue(c, "test", holder, "fake-1", GENEROUS, now)).id

    def bring(self, id):
        return bring(self.bank, self.devices, "fake-1", id)

    def state(self, id):
        return self.bank.write(lambda c, now: wallet.token(c, id)).state

    def luks(self):
        k = tables.luks.c
        return self.bank.read(lambda c: c.execute(sa.select(k.ki, k.state).order_by(k.ki)).all())

    def tap(self, amount=1):
        card = self.wallet.card()
        tap = card.tap(amount)
        self.wallet.atc += 1
        return self.bank.authorise(self.bank.main, f"{card.ki}-{card.atc}", tap)


@contextlib.asynccontextmanager
async def house(folder, pair=True):
    bank = Bank(f"sqlite:///{folder}/tokens.db")
    bank.main = bank.set_up()
    try:
        async with hub(folder / "hub", plain=False) as it, SecureFake() as fake:
            await add(it, fake)
            await settled(it, fake)
            fake.opened, wallet = True, Wallet()
            site = fake.context.serversite._inner_site
            site.add_resource(["y", "token"], wallet)
            site.add_resource(["y", "state"], _State(wallet))
            async with Devices(bank, ("127.0.0.1", it.coap)) as devices:
                if pair:
                    await devices.pair(parse(fake.code))
                yield House(bank, devices, fake, wallet, it)
                bank.check()
    finally:
        bank.close()


async def anew(house):
    """A round of a service that has just been started."""
    rider = Courier(house.bank, house.devices)
    await rider.round()
    await rider.settled()


def test_a_token_is_delivered_used_and_replenished_and_the_hub_holds_none_of_its_keys(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            id = h.issue()
            assert await h.bring(id)
            assert h.state(id) == "active" and h.wallet.log == ["get", "put", "post", "get"]
            answers = [h.tap() for _ in range(7)]
            assert all(answer.approved for answer in answers)
            assert h.bank.read(lambda c: wallet.due(c, h.bank.now)) == [("fake-1", id)]
            assert await h.bring(id) and h.luks() == [(1, "retired"), (2, "active")]
            assert h.tap().approved and h.bank.read(lambda c: wallet.due(c, h.bank.now)) == []
            secrets = [h.wallet.used[7], h.fake.peers["token service"][1].secret]
            files = [file for file in tmp_path.rglob("*") if file.is_file()]
            assert len(files) > 4
            for file in files:
                data = file.read_bytes()
                assert not any(secret in data or secret.hex().encode() in data for secret in secrets), file

    run(test())


@pytest.mark.parametrize("lost", ["put", "post", "get"])
def test_whatever_answer_is_lost_the_next_attempt_ends_with_one_key_in_use(tmp_path, lost):
    async def test():
        async with house(tmp_path) as h:
            id = h.issue()
            h.wallet.loses = lost
            with pytest.raises(Declined):
                await h.bring(id)
            if lost != "put":
                assert h.tap().approved  # the device has it, and the service knew that it may
            if h.bank.read(lambda c: wallet.due(c, h.bank.now)):
                assert await h.bring(id)
            assert h.luks() == [(1, "active")] and h.state(id) == "active"
            assert h.wallet.used[6] == 1 and h.tap().approved

    run(test())


def test_a_device_that_has_lost_its_pending_key_is_offered_it_again(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            id = h.issue()
            h.wallet.loses = "post"
            with pytest.raises(Declined):
                await h.bring(id)
            h.wallet.pending = h.wallet.used = None
            with pytest.raises(Declined):
                await h.bring(id)
            assert await h.bring(id) and h.tap().approved

    run(test())


def test_suspended_while_a_key_is_on_its_way_it_is_never_told_to_use_it(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            id = h.issue()
            ask = h.devices.ask

            async def racing(device, code, path, told=None, unproven=False):
                answer = await ask(device, code, path, told, unproven)
                if code is aiocoap.PUT:
                    h.bank.write(lambda c, now: wallet.suspend(c, "test", id, now))
                return answer

            h.devices.ask = racing
            with pytest.raises(Refused, match="suspended"):
                await h.bring(id)
            assert h.wallet.used is None and h.luks() == [(1, "offered")]
            h.wallet.used, h.wallet.id = h.wallet.pending, h.wallet.pending[0]  # one that does not wait to be told
            assert h.tap().reason is Reason.CRYPTOGRAM
            with pytest.raises(Refused):
                await h.bring(id)
            h.bank.write(lambda c, now: wallet.resume(c, "test", id, now))
            h.devices.ask = ask
            assert await h.bring(id) and h.tap().approved

    run(test())


def test_no_more_than_six_keys_a_day_and_none_without_a_check_of_the_cardholder(tmp_path, monkeypatch):
    monkeypatch.setattr(relay, "_BURST", 200.0)

    async def test():
        async with house(tmp_path) as h:
            id = h.issue()
            for _ in range(6):
                assert await h.bring(id)
            with pytest.raises(Refused, match="enough"):
                await h.bring(id)
            h.bank.now += 86401
            h.wallet.is_checked = False
            with pytest.raises(Declined) as refused:
                await h.bring(id)
            assert refused.value.code is aiocoap.SERVICE_UNAVAILABLE and refused.value.payload == b"359"
            assert "it cannot pay now" in str(refused.value)
            h.wallet.is_checked = True
            assert await h.bring(id) and h.luks()[-1] == (7, "active")

    run(test())


def test_the_courier_brings_what_is_due_tells_of_a_suspension_and_deletes_what_was_revoked(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            id, rider = h.issue(), Courier(h.bank, h.devices)

            async def ride():
                await rider.round()
                await rider.settled()

            await ride()
            assert h.state(id) == "active"
            log = len(h.wallet.log)
            await ride()
            assert len(h.wallet.log) == log
            h.bank.write(lambda c, now: wallet.suspend(c, "test", id, now))
            await ride()
            h.bank.write(lambda c, now: wallet.resume(c, "test", id, now))
            await ride()
            await ride()
            assert h.wallet.states == [True, False]
            h.bank.write(lambda c, now: wallet.revoke(c, "test", id, now))
            await ride()
            assert h.wallet.used is None

    run(test())


def test_what_a_declined_tap_has_suspended_on_a_device_is_resumed_there_however_soon(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            id, rider = h.issue(), Courier(h.bank, h.devices, lambda: 0.0)
            results = Results(h.bank, h.devices, rider.awake)

            async def ride():
                await rider.round()
                await rider.settled()

            await ride()
            h.fake.context.serversite._inner_site.add_resource(["y", "result"], _State(h.wallet))
            number = h.bank.read(lambda c: c.scalar(sa.select(tables.tokens.c.number)))
            for csu, told in ((bytes(4), []), (b"\0\x20\0\0", [False])):
                rider._later("fake-1", 600)  # it sleeps, as somebody who asked it knows
                h.bank.write(lambda c, now: wallet.suspend(c, "test", id, now))
                await ride()
                h.wallet.states.clear()
                results.put(Result(csu.hex(), number, 1, bytes(8), csu, b"\3"))
                await asyncio.sleep(0)
                await results.settled()
                h.bank.write(lambda c, now: wallet.resume(c, "test", id, now))
                await ride()
                assert h.wallet.states == [bytes(8), *told]

    run(test())


def test_what_was_told_of_a_token_is_known_after_a_restart_and_told_once(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            id = h.issue()
            await anew(h)
            h.bank.write(lambda c, now: wallet.suspend(c, "test", id, now))
            await anew(h)
            await anew(h)
            h.bank.write(lambda c, now: wallet.resume(c, "test", id, now))
            await anew(h)
            await anew(h)
            assert h.wallet.states == [True, False]

    run(test())


@pytest.mark.parametrize("by_a_tap", [False, True], ids=["told", "by a tap"])
def test_a_device_that_may_have_heard_of_a_suspension_hears_when_it_is_over(tmp_path, by_a_tap):
    """The answer is lost, or the service is killed before it is written down."""

    async def test():
        async with house(tmp_path) as h:
            id = h.issue()
            await anew(h)
            h.fake.context.serversite._inner_site.add_resource(["y", "result"], _State(h.wallet))
            number = h.bank.read(lambda c: c.scalar(sa.select(tables.tokens.c.number)))
            h.bank.write(lambda c, now: wallet.suspend(c, "test", id, now))
            h.wallet.loses = "state"
            if by_a_tap:
                results = Results(h.bank, h.devices)
                results.put(Result("1", number, 1, bytes(8), b"\0\x20\0\0", b"\3"))
                await asyncio.sleep(0)
                await results.settled()
            else:
                await anew(h)
            assert len(h.wallet.states) == 1
            h.bank.write(lambda c, now: wallet.resume(c, "test", id, now))
            await anew(h)
            assert h.wallet.states[1:] == [False]

    run(test())


def test_a_token_that_was_revoked_takes_no_other_with_it_and_holds_up_none(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            first, now = h.issue(), 0.0
            await anew(h)
            h.bank.write(lambda c, now: wallet.revoke(c, "test", first, now))
            second = h.issue()
            assert await h.bring(second)  # before it is told that the first one is revoked
            rider = Courier(h.bank, h.devices, lambda: now)
            for _ in range(2):
                await rider.round()
                await rider.settled()
            assert h.wallet.id.hex() == second and h.tap().approved
            assert h.bank.read(wallet.untold) == [] and rider._not_before == {}

    run(test())


def test_what_is_said_of_a_token_that_the_device_has_not_is_said_once(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            first, second = h.issue(), h.issue()
            assert await h.bring(first) and await h.bring(second)
            h.bank.write(lambda c, now: wallet.suspend(c, "test", first, now))
            rider = Courier(h.bank, h.devices, lambda: 0.0)
            await rider.round()
            await rider.settled()
            assert h.bank.read(wallet.untold) == [] and rider._not_before == {} and h.wallet.states == []
            assert h.tap().approved

    run(test())


def test_behind_a_rotation_the_next_key_is_of_the_next_issuer_key_and_the_one_in_use_pays_on(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            id = h.issue()
            assert await h.bring(id) and h.wallet.used[5] == 1
            assert h.bank.rotate("test") == 2 and h.tap().approved
            assert await h.bring(id) and h.wallet.used[5] == 2 and h.tap().approved

    run(test())


def test_of_two_tokens_for_one_device_the_later_one_is_brought_and_kept_there(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            h.issue()
            await anew(h)
            h.bank.now += 1
            second = h.issue()
            await anew(h)
            assert h.wallet.id.hex() == second
            h.bank.now += 7 * 86400  # the keys of both are too old
            await anew(h)
            await anew(h)
            assert h.wallet.id.hex() == second and h.tap().approved
            h.bank.write(lambda c, now: wallet.revoke(c, "test", second, now))
            assert [id for _, id in h.bank.read(lambda c: wallet.due(c, h.bank.now))] != [second]

    run(test())


def test_a_device_that_talks_nonsense_is_left_alone_for_a_while_and_holds_up_no_other(tmp_path):
    async def test():
        async with house(tmp_path) as h:
            h.issue()
            for said in (b"\xff", b"\x01", b"\xa0", b"\xa2\x00\x40\x02\x1b" + b"\xff" * 8, b""):

                async def nonsense(request, said=said):
                    return aiocoap.Message(payload=said, content_format=60)

                h.wallet.render_get = nonsense
                rider = Courier(h.bank, h.devices, lambda: 0.0)
                await rider.round()
                await rider.settled()
                assert h.luks() == [(1, "delivered")] and rider._not_before == {"fake-1": 5.0}, said

    run(test())


def test_one_that_cannot_be_reached_is_left_alone_for_a_while(tmp_path, monkeypatch):
    async def test():
        async with house(tmp_path) as h:
            h.issue()
            asked = []

            async def nobody(self, id, message):
                asked.append(id)
                raise Unreachable("nobody")

            monkeypatch.setattr(Devices, "_send", nobody)
            now = 0.0
            rider = Courier(h.bank, h.devices, lambda: now)
            for _ in range(3):
                await rider.round()
                await rider.settled()
            assert asked == ["fake-1"]
            now = 6.0
            await rider.round()
            await rider.settled()
            assert len(asked) == 2

    run(test())


def test_without_a_pairing_there_is_no_way_to_a_device_and_a_wrong_code_pairs_nothing(tmp_path):
    async def test():
        async with house(tmp_path, pair=False) as h:
            id = h.issue()
            with pytest.raises(Missing, match="pair"):
                await h.bring(id)
            with pytest.raises(Exception, match="code is of another"):
                await h.devices.pair(parse(SecureFake("fake-1").code))
            await asyncio.sleep(0)
            await h.devices.pair(parse(h.fake.code))
            await h.devices.pair(parse(h.fake.code))
            assert await h.bring(id)
            assert [device for device in h.bank.audited("pair")] == ["done"]

    run(test())


def test_a_key_that_the_device_has_though_nobody_heard_is_found_by_the_next_attempt(tmp_path, monkeypatch):
    async def test():
        async with house(tmp_path, pair=False) as h:
            send, count = Devices._send, 0

            async def cut(self, id, message):
                nonlocal count
                count += 1
                answer = await send(self, id, message)
                if count == 2:  # m3 was taken
                    raise Unreachable("cut")
                return answer

            monkeypatch.setattr(Devices, "_send", cut)
            with pytest.raises(Unreachable):
                await h.devices.pair(parse(h.fake.code))
            h.fake.opened = False  # nobody may pair any more
            await h.devices.pair(parse(h.fake.code))
            assert await h.bring(h.issue())

    run(test())
