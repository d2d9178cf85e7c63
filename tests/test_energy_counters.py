"""Steps of energy counters: wraps, resets and jitter by the vectors, and never too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.counters import MODULI_WH, Kind, step

KWH = 1000.0

# before, after, the most that can have flowed, what it is, how much of it; all in Wh
CASES = {
    "TV-5: a 32-bit counter of Wh wraps": (
        4_294_967_000, 704, 550 * KWH, Kind.WRAPPED, 1000,
    ),
    "TV-6: six digits of kWh with a tenth wrap": (
        999_990.0 * KWH, 12.5 * KWH, 550 * KWH, Kind.WRAPPED, 22.5 * KWH,
    ),
    "TV-7: a counter that fell to almost nothing began again": (
        512_345.6 * KWH, 3.2 * KWH, 550 * KWH, Kind.RESTARTED, 3.2 * KWH,
    ),
    "a step within the limit counts": (8e9, 8e9 + 222, 300, Kind.COUNTED, 222),
    "standing still is no energy": (8e9, 8e9, 300, Kind.COUNTED, 0),
    "a step beyond the limit is refused": (8e9, 8e9 + 301, 300, Kind.REFUSED, 0),
    "a blink to zero restarts at nothing": (8e9, 0, 300, Kind.RESTARTED, 0),
    "coming back from a blink is refused": (0, 8e9, 300, Kind.REFUSED, 0),
    "a replaced meter with history is refused": (8e9, 3e9, 300, Kind.REFUSED, 0),
    "a little less than before is jitter": (8e9, 8e9 - 10, 300, Kind.JITTER, 0),
    "a step back in 8 GWh is no wrap of 6.6 kWh": (8e9, 8e9 - 2723, 5000, Kind.REFUSED, 0),
    "a 16-bit counter of kWh wraps": (65_535 * KWH, 0, 2 * KWH, Kind.WRAPPED, KWH),
    "a signed 32-bit counter wraps": (2**31 - 100, 100, 300, Kind.WRAPPED, 200),
    "ten digits of Wh wrap": (9_999_999_990, 10, 300, Kind.WRAPPED, 20),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_step_is_read_as_the_reference_says(case):
    before, after, limit_wh, kind, wh = CASES[case]
    found = step(before, after, limit_wh=limit_wh, count_wh=100)
    assert found.kind is kind
    assert found.wh == pytest.approx(wh)


readings = st.one_of(
    st.floats(0, 1e13),
    st.sampled_from([0.0, *MODULI_WH]).flatmap(lambda m: st.floats(max(0.0, m - 500), m)),
)


@given(before=readings, after=readings, limit_wh=st.floats(0, 1e6), count_wh=st.floats(0, 1e4))
def test_no_step_brings_more_than_the_limit_or_less_than_nothing(before, after, limit_wh, count_wh):
    found = step(before, after, limit_wh=limit_wh, count_wh=count_wh)
    assert 0 <= found.wh <= limit_wh
