"""The assist page as its guest sees it: when its first bit is set, and what becomes of it."""

from tests.tlfs.bench import PAGE, RAM_SIZE, Bench

VP_ASSIST_PAGE = 0x40000073
ASSIST, ELSEWHERE = 0x22000, 0x23000
NO_EOI_REQUIRED = 1


def enabled(features: str = "all") -> Bench:
    bench = Bench(features)
    bench.vp.write_msr(VP_ASSIST_PAGE, ASSIST | 1)
    return bench


def test_an_offer_is_a_bit_in_the_page() -> None:
    bench = enabled()
    assert bench.ram.word(ASSIST) == 0
    assert bench.vp.eoi_assist.offer()
    assert bench.ram.word(ASSIST) == NO_EOI_REQUIRED


def test_a_bit_that_the_guest_left_alone_is_taken_back() -> None:
    bench = enabled()
    bench.vp.eoi_assist.offer()
    assert bench.vp.eoi_assist.withdraw()
    assert bench.ram.word(ASSIST) == 0


def test_a_bit_that_the_guest_cleared_was_an_end_of_interrupt() -> None:
    bench = enabled()
    bench.vp.eoi_assist.offer()
    bench.ram.write(ASSIST, bytes(4))
    assert not bench.vp.eoi_assist.withdraw()


def test_without_a_page_there_is_no_offer() -> None:
    bench = Bench()
    assert not bench.vp.eoi_assist.offer()
    bench.vp.write_msr(VP_ASSIST_PAGE, ASSIST)  # an address, but not enabled
    assert not bench.vp.eoi_assist.offer()
    assert bench.ram.word(ASSIST) == 0


def test_switching_the_page_off_leaves_the_interrupt_in_need_of_its_eoi() -> None:
    bench = enabled()
    bench.vp.eoi_assist.offer()
    bench.vp.write_msr(VP_ASSIST_PAGE, 0)
    assert bench.vp.eoi_assist.withdraw()


def test_the_bit_moves_with_the_page() -> None:
    bench = enabled()
    bench.vp.eoi_assist.offer()
    bench.vp.write_msr(VP_ASSIST_PAGE, ELSEWHERE | 1)
    assert (bench.ram.word(ASSIST), bench.ram.word(ELSEWHERE)) == (0, NO_EOI_REQUIRED)


def test_the_rest_of_the_page_is_the_guests() -> None:
    bench = enabled()
    bench.ram.write(ASSIST + 4, b"\xa5" * 12)
    bench.vp.eoi_assist.offer()
    bench.vp.eoi_assist.withdraw()
    assert bench.ram.read(ASSIST + 4, 12) == b"\xa5" * 12


def test_a_page_beyond_memory_tells_nobody() -> None:
    bench = Bench()
    bench.vp.write_msr(VP_ASSIST_PAGE, RAM_SIZE + PAGE | 1)
    bench.vp.eoi_assist.offer()
    assert bench.vp.eoi_assist.withdraw()


def test_it_can_be_left_out() -> None:
    bench = enabled("all,-eoi-assist")
    assert not bench.vp.eoi_assist.offer()
    assert bench.ram.word(ASSIST) == 0


def test_it_is_for_guests_that_use_the_apics_registers() -> None:
    assert not enabled("default").vp.eoi_assist.offer()
    assert enabled("default,+eoi-assist").vp.eoi_assist.offer()
    assert not enabled("all,-apic").vp.eoi_assist.offer()
