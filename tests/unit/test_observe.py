"""The list of observers, RFC 7641. Both interpreters."""

from toscore.observe import Observers

A = "peer a"
B = "peer b"


def paths(observers):
    return [(o.peer, o.path) for o in observers.due()]


def test_a_change_is_due_to_those_who_observe_its_path():
    observers = Observers()
    observers.add(0, A, b"1", "s")
    observers.add(0, B, b"1", "s/temp")
    assert observers.mark("s/temp") and not observers.mark("s/power")
    assert paths(observers) == [(B, "s/temp")]


def test_a_notification_carries_changes_up_to_now_and_then_nothing_is_due():
    observers = Observers()
    observers.add(0, A, b"1", "s")
    observers.mark("s")
    observers.mark("s")
    assert len(observers.due()) == 1
    observers.begin(0, observers.due()[0])
    assert observers.due() == []


def test_rfc7641_section_4_1_the_same_token_replaces_its_registration():
    observers = Observers()
    observers.add(0, A, b"1", "s")
    observers.add(0, A, b"1", "s/temp")
    observers.mark("s")
    assert observers.due() == []
    observers.mark("s/temp")
    assert paths(observers) == [(A, "s/temp")]


def test_one_peer_may_observe_twice_with_two_tokens():
    observers = Observers()
    observers.add(0, A, b"1", "s")
    observers.add(0, A, b"2", "s")
    observers.mark("s")
    assert len(observers.due()) == 2
    observers.remove(A, b"1")
    assert len(observers.due()) == 1


def test_observers_are_bounded():
    observers = Observers()
    assert [observers.add(0, A, bytes((n,)), "s") for n in range(17)] == [True] * 16 + [False]
    observers.remove(A, b"\x00")
    assert observers.add(0, B, b"1", "s")


def test_rfc7641_section_3_6_a_reset_of_its_last_notification_ends_the_interest():
    observers = Observers()
    observers.add(0, A, b"1", "s")
    observers.mark("s")
    observers.due()[0].mid = 7
    assert not observers.reset(A, 6) and not observers.reset(B, 7)
    assert observers.reset(A, 7)
    assert not observers.mark("s")


def test_rfc7641_section_4_5_a_confirmable_is_sent_once_a_minute_and_holds_the_next_back():
    observers = Observers()
    observers.add(0, A, b"1", "s")
    observers.mark("s")
    observer = observers.due()[0]
    assert not observers.begin(59999, observer)
    assert observers.begin(60000, observer)
    observers.mark("s")
    assert observers.due() == []  # until the confirmable is settled
    assert observers.settled(observer, True)
    assert observers.due() == [observer]
    assert not observers.begin(60001, observer)


def test_who_does_not_acknowledge_is_dropped():
    observers = Observers()
    observers.add(0, A, b"1", "s")
    observers.mark("s")
    observer = observers.due()[0]
    observers.begin(60000, observer)
    assert not observers.settled(observer, False)
    assert not observers.mark("s")


def test_sequence_numbers_rise_in_24_bits():
    observers = Observers()
    assert observers.sequence() < observers.sequence()
    observers._sequence = 0xFFFFFF
    assert observers.sequence() == 0
