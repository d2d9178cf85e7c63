"""Windows: exact length, the same time for all meters, splitting changes nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cells import Span, Spans
from core.windows import Window

T = 1_800_000_000.0
BOTH = np.array([0, 1])


def span(start: float, end: float, watts: float = 3600.0, *, estimated: bool = False) -> Span:
    """One Wh a second from the start of the window, unless told otherwise."""
    return Span(T + start, T + end, watts * (end - start) / 3600, T + start, estimated)


def add(window: Window, columns, spans) -> None:
    window.add(Spans.of(columns, spans))


def test_a_sum_is_over_exactly_the_length_of_the_window():
    window = Window(60.0, 2)
    for t in range(200):
        add(window, [0, 1], [span(t, t + 1), span(t, t + 1, 7200.0)])
    for end in (200.0, 199.5, 130.25, 100.0):
        found = window.matched(BOTH, T + end)
        assert found.wh.sum(axis=0).tolist() == pytest.approx([60.0, 120.0])
        assert found.span_s == pytest.approx(60.0)


def test_a_young_window_has_what_there_is():
    window = Window(3600.0, 2)
    add(window, [0, 1], [span(0, 30), span(0, 30)])
    found = window.matched(BOTH, T + 30)
    assert found.span_s == pytest.approx(30.0)
    assert found.wh.sum() == pytest.approx(60.0)


def test_only_time_that_all_meters_know_is_summed():
    window = Window(60.0, 2)
    add(window, [0, 1, 1], [span(0, 60), span(0, 20), span(40, 60)])
    found = window.matched(BOTH, T + 60)
    assert found.span_s == pytest.approx(40.0)
    assert found.wh.sum(axis=0).tolist() == pytest.approx([40.0, 40.0])


def test_a_late_answer_fills_the_gap():
    window = Window(60.0, 2)
    add(window, [0, 1, 1], [span(0, 60), span(0, 20), span(40, 60)])
    add(window, [1], [span(20, 40, 1800.0, estimated=True)])
    found = window.matched(BOTH, T + 60)
    assert found.span_s == pytest.approx(60.0)
    assert found.wh.sum(axis=0).tolist() == pytest.approx([60.0, 50.0])
    assert found.estimated_wh.sum(axis=0).tolist() == pytest.approx([0.0, 10.0])


def test_a_correction_changes_energy_but_not_what_is_known():
    window = Window(60.0, 1)
    add(window, [0], [span(0, 60)])
    add(window, [0], [Span(T + 30, T + 60, -6.0, T + 60, estimated=False)])
    found = window.matched(np.array([0]), T + 60)
    assert found.span_s == pytest.approx(60.0)
    assert found.wh.sum() == pytest.approx(54.0)


def test_what_is_older_than_the_ring_is_gone():
    window = Window(60.0, 1)
    add(window, [0], [span(0, 60)])
    add(window, [0], [span(10_000, 10_001)])
    found = window.matched(np.array([0]), T + 10_001)
    assert found.wh.sum() == pytest.approx(1.0)
    add(window, [0], [span(0, 10_001)])
    assert window.matched(np.array([0]), T + 10_001).wh.sum() == pytest.approx(61.0)


def test_an_empty_window_has_no_span():
    assert Window(60.0, 2).matched(BOTH, T).span_s == 0.0
    assert Window(60.0, 0).matched(np.array([], dtype=np.intp), T).span_s == 0.0


@settings(max_examples=100, deadline=None)
@given(
    cuts=st.lists(st.floats(0.01, 0.99), max_size=20),
    start=st.floats(0, 500),
    length=st.floats(0.1, 400),
    size=st.sampled_from([60.0, 900.0]),
)
def test_splitting_a_span_changes_no_sum(cuts, start, length, size):
    whole, parts = Window(size, 1), Window(size, 1)
    add(whole, [0], [span(start, start + length)])
    edges = [start, *(start + length * cut for cut in sorted(set(cuts))), start + length]
    for left, right in itertools.pairwise(edges):
        if right > left:
            add(parts, [0], [span(left, right)])
    one = np.array([0])
    for end in (start + length, start + length / 2):
        a, b = whole.matched(one, T + end), parts.matched(one, T + end)
        assert a.span_s == pytest.approx(b.span_s, abs=1e-4)
        assert a.wh.sum() == pytest.approx(b.wh.sum(), abs=1e-4)
        assert a.span_s <= size + 1e-6
