"""Virtual time: timers fire in order, cancelled ones do not, and the heap cannot be made to grow."""

from hv.clock import VirtualClock


class Time:
    def __init__(self) -> None:
        self.ns = 0

    def now(self) -> int:
        return self.ns

    def wait(self, ns: int) -> None:
        self.ns += ns


def make() -> tuple[Time, VirtualClock, list[int]]:
    time = Time()
    earlier: list[int] = []
    return time, VirtualClock(time.now, time.wait, earlier.append), earlier


def test_timers_fire_in_order_of_time_then_of_arming() -> None:
    time, clock, _ = make()
    fired: list[str] = []
    for name, when in (("late", 30), ("first", 10), ("second", 10)):
        clock.timer(lambda name=name: fired.append(name)).arm(when)
    time.ns = 30
    clock.run_due()
    assert fired == ["first", "second", "late"]


def test_nothing_fires_before_its_time_or_after_being_cancelled() -> None:
    time, clock, _ = make()
    fired: list[int] = []
    early, gone = clock.timer(lambda: fired.append(1)), clock.timer(lambda: fired.append(2))
    early.arm(10)
    gone.arm(5)
    gone.cancel()
    time.ns = 9
    clock.run_due()
    assert fired == []
    assert clock.next_deadline() == 10


def test_arming_again_replaces_the_earlier_deadline() -> None:
    time, clock, _ = make()
    fired: list[int] = []
    timer = clock.timer(lambda: fired.append(time.ns))
    timer.arm(10)
    timer.arm(20)
    time.ns = 15
    clock.run_due()
    time.ns = 25
    clock.run_due()
    assert fired == [25]


def test_a_timer_may_arm_itself_from_its_own_action() -> None:
    time, clock, _ = make()
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(time.ns)
        timer.arm(time.ns + 10)

    timer = clock.timer(tick)
    timer.arm(10)
    for now in (10, 20, 30):
        time.ns = now
        clock.run_due()
    assert ticks == [10, 20, 30]


def test_only_a_new_earliest_deadline_is_announced() -> None:
    _, clock, earlier = make()
    for when in (50, 70, 20):
        clock.timer(lambda: None).arm(when)
    assert earlier == [50, 20]


def test_skipping_never_goes_back() -> None:
    time, clock, _ = make()
    time.ns = 100
    clock.skip_to(50)
    assert clock.now() == 100
    clock.skip_to(150)
    assert clock.now() == 150


def test_a_guest_that_keeps_rearming_one_timer_does_not_grow_the_heap() -> None:
    _, clock, _ = make()
    timer = clock.timer(lambda: None)
    for when in range(100_000, 0, -1):
        timer.arm(when)
    assert len(clock._heap) < 200
