"""Pages laid over guest memory: what is seen where, and whose content it is."""

from tests.tlfs.bench import EOM, PAGE, PHYSICAL_BITS, SCONTROL, SIEFP, SIMP, Bench

ASSIST, REFERENCE_TSC = 0x40000073, 0x40000021
HERE, THERE = 0x5000, 0x6000


def test_a_new_page_is_zero_and_hides_what_was_there() -> None:
    bench = Bench()
    bench.ram.write(HERE, b"\x55" * PAGE)
    bench.vp.write_msr(SIMP, HERE | 1)
    assert bench.ram.read(HERE, PAGE) == bytes(PAGE)
    assert bench.overlays.pages[HERE].rights == "rw"
    bench.vp.write_msr(SIMP, HERE)
    assert bench.ram.read(HERE, PAGE) == b"\x55" * PAGE


def test_a_page_takes_its_content_along() -> None:
    bench = Bench()
    bench.vp.write_msr(ASSIST, HERE | 1)
    bench.ram.write(HERE + 8, b"note")
    bench.vp.write_msr(ASSIST, THERE | 1)
    assert bench.ram.read(HERE + 8, 4) == bytes(4)
    assert bench.ram.read(THERE + 8, 4) == b"note"
    bench.vp.write_msr(ASSIST, 0)
    bench.vp.write_msr(ASSIST, HERE | 1)
    assert bench.ram.read(HERE + 8, 4) == b"note"


def test_writing_the_same_address_again_changes_nothing() -> None:
    bench = Bench()
    bench.vp.write_msr(SIMP, HERE | 1)
    shown = bench.overlays.pages[HERE]
    bench.vp.write_msr(SIMP, HERE | 0xFFF)
    assert bench.overlays.pages[HERE] is shown
    assert bench.vp.read_msr(SIMP) == HERE | 0xFFF


def test_of_two_pages_at_one_address_the_last_is_seen_and_both_keep_their_content() -> None:
    bench = Bench()
    bench.ram.write(HERE, b"ram")
    bench.vp.write_msr(SIMP, HERE | 1)
    bench.ram.write(HERE + 0x800, b"sim")
    bench.vp.write_msr(SIEFP, HERE | 1)
    assert bench.ram.read(HERE + 0x800, 3) == bytes(3)
    bench.ram.write(HERE + 0x800, b"sif")
    bench.vp.write_msr(SIEFP, 0)
    assert bench.ram.read(HERE + 0x800, 3) == b"sim"
    bench.vp.write_msr(SIEFP, HERE | 1)
    bench.vp.write_msr(SIMP, 0)
    assert bench.ram.read(HERE + 0x800, 3) == b"sif"
    bench.vp.write_msr(SIEFP, 0)
    assert bench.ram.read(HERE, 3) == b"ram"
    assert not bench.overlays.pages


def test_a_hidden_page_still_takes_messages() -> None:
    bench = Bench().enable_synic(sint2=0xF3)
    bench.vp.write_msr(SIMP, HERE | 1)
    bench.vp.write_msr(SIEFP, HERE | 1)
    assert bench.hv.post(0, 2, 1, b"hidden")
    assert bench.ram.word(HERE + 0x200) == 0
    bench.vp.write_msr(SIEFP, THERE | 1)
    assert bench.ram.read(HERE + 0x210, 6) == b"hidden"


def test_a_page_beyond_the_address_space_is_seen_nowhere_but_works() -> None:
    bench = Bench()
    beyond = 1 << PHYSICAL_BITS | 1
    for number in (SIMP, SIEFP, ASSIST, REFERENCE_TSC):
        bench.vp.write_msr(number, beyond)
        assert bench.vp.read_msr(number) == beyond
    assert not bench.overlays.pages
    bench.vp.write_msr(SCONTROL, 1)
    assert bench.hv.signal(0, 2, 7)
    bench.hv.post(0, 2, 1, b"")
    bench.vp.write_msr(EOM, 0)
    bench.vp.write_msr(SIMP, HERE | 1)
    assert bench.ram.word(HERE + 0x200) == 1


def test_a_page_may_lie_where_no_memory_is() -> None:
    bench = Bench()
    high = 0xFE00_0000
    bench.vp.write_msr(SIMP, high | 1)
    bench.vp.write_msr(SCONTROL, 1)
    bench.hv.post(0, 3, 1, b"abc")
    assert bench.overlays.pages[high].read(0x310, 3) == b"abc"


def test_a_page_that_cannot_be_shown_is_kept() -> None:
    bench = Bench()
    bench.overlays.map = lambda *_page, **_rights: None  # type: ignore[assignment,method-assign]
    bench.enable_synic(sint2=0xF3)
    assert bench.hv.post(0, 2, 1, b"x")
    assert bench.hv.post(0, 2, 1, b"y")
    bench.vp.write_msr(SIMP, 0)
    bench.hv.reset()


def test_reset_clears_pages() -> None:
    bench = Bench().enable_synic(sint2=0xF3)
    bench.hv.post(0, 2, 1, b"old")
    bench.vp.reset()
    assert not bench.overlays.pages
    bench.enable_synic()
    assert bench.ram.word(0x20200) == 0
