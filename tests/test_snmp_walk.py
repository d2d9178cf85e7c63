"""One walk over several subtrees gives what each of them holds, in few requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.snmp import ber
from collectors.snmp.codec import VarBind
from collectors.snmp.oid import after, below, order
from collectors.snmp.walk import Walk
from core.errors import Malformed

END = VarBind("1.3", ber.END_OF_MIB_VIEW, None)
OIDS = st.lists(
    st.lists(st.integers(1, 12), min_size=1, max_size=4).map(
        lambda words: ".".join(map(str, [1, *words]))
    ),
    max_size=30,
    unique=True,
)


def walked(mib: list[str], roots: list[str], many: int = 1, limit: int = 100) -> tuple[Walk, int]:
    """A walk over an agent that gives `many` objects at a time; and how often it was asked. Asked
    for one at a time, it says at the end what version 1 says there."""
    walk, asked = Walk(roots, limit), 0
    objects = sorted(mib, key=order)
    while not walk.done:
        asked += 1
        at = walk.at
        behind = [VarBind(oid, ber.INTEGER, 1) for oid in objects if after(oid, at)][:many]
        if not behind and many == 1:
            walk.skip()
        else:
            walk.take(behind if len(behind) == many else [*behind, END])
    return walk, asked


@given(OIDS, OIDS, st.integers(1, 8))
def test_each_subtree_gives_all_it_holds_in_order(mib, roots, many):
    walk, asked = walked(mib, roots, many)
    assert {root: [bind.oid for bind in rows] for root, rows in walk.rows.items()} == {
        root: [oid for oid in sorted(mib, key=order) if below(oid, root) and oid != root]
        for root in roots
    }
    assert asked <= len(mib) + len(roots) + 1


def test_columns_of_one_table_take_one_request_and_missing_ones_none():
    mib = [f"1.1.{column}.{row}" for column in range(1, 6) for row in range(1, 4)] + ["1.9.1"]
    roots = [*(f"1.1.{column}" for column in range(1, 6)), *(f"1.{n}.4" for n in range(2, 9))]
    walk, asked = walked(mib, roots, many=20)
    assert (asked, len(walk.rows["1.1.5"])) == (1, 3)
    assert walked(mib, ["1.1.1", "1.9"], many=3)[1] == 3, "gaps are leapt over"


def test_a_table_without_end_is_told():
    with pytest.raises(Malformed, match=r"more than 5 objects below 1\.1"):
        walked([f"1.1.{n}" for n in range(10)], ["1.1"], many=3, limit=5)
    walk = Walk(["1.1", "1.2"], 5)
    assert walk.at == "1.1"
    with pytest.raises(Malformed, match=r"do not increase \(1.1.2 follows 1.1.2\)"):
        walk.take([VarBind("1.1.2", ber.INTEGER, 1)] * 2)


def test_a_device_that_begins_again_at_its_end_has_ended():
    walk = Walk(["1.5", "1.6"], 5)
    assert walk.at == "1.5"
    walk.take([VarBind("1.5.1", ber.INTEGER, 1), VarBind("1.1.1", ber.INTEGER, 1)])
    assert walk.at == "1.6"
    walk.take([VarBind("1.1.1", ber.INTEGER, 1)])
    assert walk.done
    assert [bind.oid for bind in walk.rows["1.5"]] == ["1.5.1"]
