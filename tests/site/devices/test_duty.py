"""What is written when, and what a device is believed: tables of time, without a device."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from msgspec import structs

from ampacity.site.devices.duty import Duty
from ampacity.site.devices.told import DeviceTold

from .simulated import battery

IDLE = DeviceTold(power_w=0.0, soc_percent=60.0, raw=(1,))


class Bench:
    """A duty with a device that answers each second; `stated` is what it says that it follows."""

    def __init__(self, **changes: Any) -> None:
        self.duty = Duty(battery(502, **changes))
        self.duty.has_watchdog = True
        self.at = 1000.0
        self.told = IDLE
        self.writes: list[tuple[float, float]] = []
        self.keeps = True
        self.duty.mastered(1, self.at + 1e6)

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.at += 1.0
            self.told = structs.replace(self.told, raw=(int(self.at),))
            self.duty.seen(self.told, self.at)
            command = self.duty.due(self.at)
            if command is not None:
                self.writes.append((self.at, command))
                self.duty.written(command, self.at)
                if self.keeps:
                    self.told = structs.replace(self.told, command_w=command, power_w=command)
                self.duty.seen(self.told, self.at)

    def tell(self, **changes: Any) -> None:
        self.told = structs.replace(self.told, **changes)

    @property
    def commands(self) -> list[float]:
        return [command for _, command in self.writes]


def test_nothing_is_written_without_a_wish_a_lease_and_a_reading() -> None:
    bench = Bench()
    bench.run(3)
    assert bench.writes == [], "no wish"
    bench.duty.want(500.0)
    bench.duty.mastered(None, 0.0)
    bench.run(3)
    assert bench.writes == [], "no lease"
    bench.duty.mastered(4, bench.at + 10.0)
    bench.run(20)
    assert bench.writes == [(1007.0, 500.0)], "and no repetition once the lease is over"
    assert not bench.duty.state(bench.at).steered
    unread = Duty(battery(502))
    unread.mastered(1, 1e9)
    unread.want(500.0)
    assert unread.due(5.0) is None


def test_a_command_counts_once_it_was_read_back_and_is_repeated_within_a_third_of_the_watchdog() -> None:
    bench = Bench(watchdog_s=30.0)
    bench.keeps = False
    bench.duty.want(800.0)
    bench.run(1)
    waiting = bench.duty.state(bench.at)
    assert (waiting.steered, waiting.confirmed_w, waiting.inflight_w) == (False, None, 800.0)
    bench.tell(command_w=800.0)
    bench.run(1)
    state = bench.duty.state(bench.at)
    assert (state.steered, state.confirmed_w, state.inflight_w) == (True, 800.0, None)
    assert state.confirmed_until == 1001.0 + 30.0
    bench.keeps = True
    bench.run(60)
    times = [at for at, _ in bench.writes]
    assert max(b - a for a, b in pairwise(times)) == 10.0


def test_a_device_without_a_watchdog_keeps_its_command_for_ever() -> None:
    bench = Bench()
    bench.duty.has_watchdog = False
    bench.duty.want(800.0)
    bench.run(2)
    assert bench.duty.state(bench.at).confirmed_until is None


def test_another_master_is_left_alone_and_told_until_a_person_takes_over() -> None:
    bench = Bench()
    bench.duty.want(800.0)
    bench.run(5)
    written = len(bench.writes)
    bench.tell(command_w=-4000.0, power_w=-4000.0)
    bench.run(120)
    assert len(bench.writes) == written
    assert "another program" in bench.duty.alarms["foreign"]
    state = bench.duty.state(bench.at)
    assert (state.steered, state.confirmed_w) == (False, None)
    bench.duty.take_over()
    bench.run(1)
    assert bench.commands[-1] == 800.0
    assert "foreign" not in bench.duty.alarms


def test_a_device_that_forgot_is_told_again_and_often_is_an_alarm() -> None:
    bench = Bench()
    bench.duty.want(800.0)
    bench.run(5)
    for times in (1, 2, 3):
        before = len(bench.writes)
        bench.tell(command_w=None)
        bench.run(1)
        assert len(bench.writes) == before + 1
        assert ("forgets" in bench.duty.alarms) == (times == 3)


def test_its_fallback_after_the_watchdog_is_no_other_master() -> None:
    bench = Bench(watchdog_s=30.0)
    bench.duty.want(800.0)
    bench.run(3)
    bench.at += 60.0  # the line was broken
    bench.tell(command_w=0.0)
    bench.run(1)
    assert "foreign" not in bench.duty.alarms
    assert bench.commands[-1] == 800.0


def test_a_command_that_is_not_kept_is_tried_again_later_each_time() -> None:
    bench = Bench()
    bench.keeps = False
    bench.duty.want(800.0)
    bench.run(200)
    assert bench.duty.alarms["refuses"]
    assert not bench.duty.state(bench.at).steered
    assert 3 <= len(bench.writes) <= 10


def test_a_refusal_waits_five_ten_twenty_seconds() -> None:
    bench = Bench()
    duty = bench.duty
    duty.want(800.0)
    duty.seen(IDLE, 1000.0)
    at, asked = 1000.0, []
    while at < 1100.0:
        if duty.due(at) is not None:
            asked.append(at - 1000.0)
            duty.refused("busy", at)
        at += 1.0
    assert asked == [0.0, 5.0, 15.0, 35.0, 75.0]
    assert duty.alarms == {"refuses": "busy"}


def test_one_that_draws_more_than_it_was_told_is_no_longer_counted_on() -> None:
    bench = Bench()
    bench.duty.want(-3000.0)
    bench.run(5)
    assert bench.duty.state(bench.at).steered
    bench.keeps = False
    bench.tell(power_w=0.0)
    bench.run(29)
    assert bench.duty.state(bench.at).steered
    bench.run(5)
    assert "disobeys" in bench.duty.alarms
    assert not bench.duty.state(bench.at).steered
    bench.tell(power_w=-3000.0)
    bench.run(1)
    assert bench.duty.state(bench.at).steered


def test_a_frozen_device_grows_old() -> None:
    bench = Bench()
    bench.duty.want(-3000.0)
    bench.run(5)
    told = bench.told
    for second in range(140):
        bench.duty.seen(told, bench.at + second)
    assert "frozen" in bench.duty.alarms
    assert not bench.duty.state(bench.at + 139).online
    bench.run(1)
    assert "frozen" not in bench.duty.alarms


@pytest.mark.parametrize(
    ("budget", "ramp", "wishes", "written"),
    [
        (0, 0.0, [100.0, 200.0, 300.0, 400.0], [100.0, 200.0, 300.0, 400.0]),
        (2, 0.0, [100.0, 200.0, 300.0, 400.0], [100.0, 200.0]),
        (2, 0.0, [100.0, 200.0, 300.0, 50.0, 0.0], [100.0, 200.0, 50.0, 0.0]),
        (2, 0.0, [100.0, 200.0, -300.0, 50.0], [100.0, 200.0, 50.0]),
        (0, 100.0, [250.0, 250.0, 250.0, 250.0], [100.0, 200.0, 250.0]),
        (0, 100.0, [250.0, 250.0, 0.0, -250.0], [100.0, 200.0, 0.0, -100.0]),
        (0, 100.0, [250.0, 250.0, -250.0], [100.0, 200.0, -100.0]),
    ],
)
def test_budget_and_ramp(budget: int, ramp: float, wishes: list[float], written: list[float]) -> None:
    """The budget stops what asks more of the device, never what asks less; the ramp likewise."""
    bench = Bench(writes_per_hour=budget, ramp_w_s=ramp)
    for wish in wishes:
        bench.duty.want(wish)
        bench.run(1)
    assert bench.commands == written


def test_a_fault_is_an_alarm_and_not_counted_on() -> None:
    bench = Bench()
    bench.duty.want(100.0)
    bench.run(2)
    bench.tell(fault=True, state="fault")
    bench.run(1)
    assert "fault" in bench.duty.alarms["fault"]
    assert not bench.duty.state(bench.at).steered
