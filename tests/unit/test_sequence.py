"""Sequence numbers: the reserve over restarts, the replay window beside a set, notifications. Both interpreters."""

from helpers import Random, raises
from toscore.errors import StoreError
from toscore.sequence import LAST, Notifications, Reserve, Window


class Cut(Exception):
    """The power went."""


class Flash:
    """What is durable. cut_in: writes until the power goes, before or after what is written is kept."""

    def __init__(self, n=0):
        self.n = n
        self.writes = 0
        self.cut_in = None
        self.kept = True

    def persist(self, n):
        self.writes += 1
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in < 0:
                if self.kept:
                    self.n = n
                raise Cut()
        self.n = n


def test_numbers_rise_by_one_and_cost_one_write_in_128():
    flash = Flash()
    reserve = Reserve(0, flash.persist)
    assert [reserve.next() for _ in range(1000)] == list(range(1000))
    assert flash.writes == 8


def test_no_number_is_used_before_it_is_kept_and_none_twice_over_restarts():
    rng = Random(5)
    flash = Flash()
    used = -1
    for _ in range(500):
        flash.cut_in, flash.kept = rng.below(4), rng.below(2)
        reserve = Reserve(flash.n, flash.persist)
        try:
            for _ in range(rng.below(400)):
                n = reserve.next()
                assert used < n < flash.n
                used = n
        except Cut:
            pass
    assert used > 10000


def test_after_a_failed_write_nothing_is_given_until_one_succeeds():
    flash = Flash()
    reserve = Reserve(0, flash.persist)
    flash.cut_in, flash.kept = 0, False
    raises(Cut, reserve.next)
    raises(Cut, reserve.next)
    flash.cut_in = None
    assert reserve.next() == 0


def test_rfc8613_section_7_2_1_the_last_number_is_the_last():
    flash = Flash(LAST - 1)
    reserve = Reserve(flash.n, flash.persist)
    assert [reserve.next(), reserve.next()] == [LAST - 1, LAST]
    assert raises(StoreError, reserve.next).code == 422
    assert raises(StoreError, reserve.next).code == 422
    assert raises(StoreError, Reserve(flash.n, flash.persist).next).code == 422


def test_the_window_beside_a_set():
    rng = Random(6)
    for _ in range(150):
        window = Window()
        start = rng.below(3) * rng.below(1000)
        if start:
            window.begin(start)
        else:
            window.begin()
        came, top = set(), start or -1
        for _ in range(150):
            n = max(0, top + rng.below(80) - 50 + (rng.below(40) == 0) * rng.below(200))
            fresh = n not in came and n > top - 32 and n > (start or -1)
            assert window.allows(n) == fresh, (start, top, n)
            if fresh:
                window.add(n)
                came.add(n)
                top = max(top, n)
        assert len(came) > 20


def test_the_edges_of_the_window():
    window = Window()
    window.begin()
    window.add(100)
    assert window.allows(69) and not window.allows(68)
    window.add(69)
    assert not window.allows(69) and not window.allows(100) and window.allows(101)
    window.add(LAST)
    assert not window.allows(101) and window.allows(LAST - 31) and not window.allows(LAST - 32)


def test_after_a_cold_boot_the_window_is_not_known_and_begins_where_it_is_shown():
    window = Window()
    assert not window.known
    window.begin(50)
    assert window.known and window.allows(51)
    for n in range(51):
        assert not window.allows(n)


def test_rfc8613_section_7_4_1_only_newer_notifications():
    came = Notifications()
    assert came.newer(None) and not came.newer(None)
    assert came.newer(0) and not came.newer(0) and not came.newer(None)
    assert came.newer(7) and not came.newer(5) and came.newer(8)
