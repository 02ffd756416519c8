"""Group commit: who shares a transaction, and who waits for whom."""

import threading

import pytest
from tosplus.tokens import group
from tosplus.tokens.group import Group

_LONG_S = 3600


@pytest.fixture
def run(monkeypatch):
    """A group with this commit, in which a moment is so long that whoever waits one has waited in vain."""
    monkeypatch.setattr(group, "_MOMENT_S", _LONG_S)
    made = []

    def run(commit):
        made.append(Group(commit))
        return made[-1]

    yield run
    for each in made:
        each.close()


def test_who_is_alone_waits_for_nobody(run):
    alone = run(lambda batch: [2 * n for n in batch])
    assert [alone.put(n).result(20) for n in range(3)] == [0, 2, 4]


def test_those_who_were_answered_share_the_next_transaction_with_those_who_wait(run):
    sizes, together = [], None

    def commit(batch):
        sizes.append(len(batch))
        while len(sizes) == 1 and len(batch) + together._queue.qsize() < 5:  # the others have asked meanwhile
            pass
        return batch

    together = run(commit)

    def ask():
        while len(sizes) < 5:
            together.put(0).result(20)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sizes[1:] == [5] * 4


def test_those_who_stay_away_are_waited_for_a_moment_only(run, monkeypatch):
    few = run(lambda batch: batch)
    monkeypatch.setattr(group, "_MOMENT_S", 0)
    for count in (3, 1):
        assert [future.result(20) for future in [few.put(n) for n in range(count)]] == [*range(count)]


def test_nobody_fails_for_the_fault_of_another(run):
    def commit(batch):
        if "bad" in batch:
            raise ValueError("bad")
        return batch

    mixed = run(commit)
    futures = [mixed.put(word) for word in ("good", "bad", "fine")]
    assert futures[0].result(20) == "good" and futures[2].result(20) == "fine"
    with pytest.raises(ValueError, match="bad"):
        futures[1].result(20)
