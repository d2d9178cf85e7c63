"""SunSpec: chain, layout, decoding and encoding, with pysunspec2 as the independent reader."""

from __future__ import annotations

import itertools
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sunspec2.device import get_model_def
from sunspec2.modbus.client import SunSpecModbusClientDevice

from collectors.modbus import sunspec, sunspec_layout
from collectors.modbus.client import ModbusClient, Target
from collectors.modbus.sunspec import ModelBlock, decode_field, fields
from collectors.modbus.sunspec_image import encode_chain, encode_model
from core.errors import DeviceTimeout, InvariantError, Malformed, Refused, Unidentified
from tests.support.modbus import Unit, modbus_server

COMMON = {"Mn": "Kasr Solar", "Md": "KS-100", "Vr": "1.2", "SN": "0815", "DA": 1}
INVERTER = {"A": 120.5, "PhVphA": 230.5, "W": -41_500, "Hz": 49.98, "WH": 1_234_567, "St": 4}
INVERTER |= {"TmpCab": 31.4, "Evt1": 0, "DCV": 612.3}
SCALES = {"A_SF": -1, "V_SF": -1, "W_SF": 1, "Hz_SF": -2, "WH_SF": 0, "Tmp_SF": -1, "DCV_SF": -1}
MPPT = {
    "module.1.DCA": 8.25,
    "module.1.DCV": 611.2,
    "module.2.DCA": 7.5,
    "module.2.DCV": 598.0,
    "module.2.IDStr": "east",
}


def inverter(**changes) -> bytes:
    return encode_model(103, INVERTER | changes, scale_factors=SCALES)


def device() -> bytes:
    return encode_chain(
        [
            encode_model(1, COMMON),
            inverter(),
            encode_model(
                160, MPPT, scale_factors={"DCA_SF": -2, "DCV_SF": -1}, counts={"module": 2}
            ),
        ]
    )


class Image:
    """Holding registers from `base` on; what lies outside is refused, as devices do."""

    def __init__(self, data: bytes, base: int = 40000, outside: type = Refused) -> None:
        self.data, self.base, self.outside = data, base, outside
        self.reads: list[tuple[int, int]] = []

    async def read(self, address: int, count: int) -> bytes:
        self.reads.append((address, count))
        assert 1 <= count <= 125
        start, end = 2 * (address - self.base), 2 * (address - self.base + count)
        if start < 0 or end > len(self.data):
            raise self.outside(f"no register {address}")
        return self.data[start:end]

    def block(self, block: ModelBlock) -> bytes:
        start = 2 * (block.address - self.base)
        return self.data[start : start + 2 * block.registers]


class Oracle(SunSpecModbusClientDevice):
    """pysunspec2 on the same registers."""

    def __init__(self, data: bytes, base: int = 40000) -> None:
        super().__init__()
        self._data, self._base = data, base

    def read(self, addr, count):
        start = 2 * (int(addr) - self._base)
        return self._data[start : start + 2 * int(count)]


def oracle(data: bytes, base: int = 40000) -> Oracle:
    reader = Oracle(data, base)
    reader.scan(connect=False)
    return reader


def value(name: str, block: bytes, model: int = 103) -> float | None:
    layouts = fields(model, len(block) // 2 - 2)
    return decode_field(layouts[name], block)[1]


def close(ours: float | None, theirs: float | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)


# ---------------------------------------------------------------- the chain


@pytest.mark.parametrize("base", sunspec.BASES)
async def test_the_chain_is_found_at_each_base(base):
    chain = await sunspec.walk_models(Image(device(), base).read)
    assert [(block.model, block.length) for block in chain] == [(1, 66), (103, 50), (160, 48)]
    assert [block.address for block in chain] == [base + 2, base + 70, base + 122]


async def test_only_the_three_bases_are_tried():
    image = Image(device(), base=40001)
    with pytest.raises(Unidentified, match="no SunSpec map at register 40000, 0, 50000"):
        await sunspec.walk_models(image.read)
    assert [address for address, _ in image.reads] == [40000, 0, 50000]


async def test_a_device_that_is_silent_where_it_has_no_registers_is_still_found():
    image = Image(device(), base=0, outside=DeviceTimeout)
    assert len(await sunspec.walk_models(image.read)) == 3
    with pytest.raises(DeviceTimeout):
        await sunspec.walk_models(Image(b"", outside=DeviceTimeout).read)


@pytest.mark.parametrize("end", [b"\xff\xff\0\0", b"\xff\xff", b"", b"\0\0\0\0"])
async def test_devices_end_their_chain_in_several_ways(end):
    data = b"SunS" + encode_model(1, COMMON) + end
    assert [block.model for block in await sunspec.walk_models(Image(data).read)] == [1]


async def test_a_common_model_of_65_registers_is_taken_as_it_is():
    short = encode_model(1, COMMON, length=65)
    image = Image(encode_chain([short, inverter()]))
    chain = await sunspec.walk_models(image.read)
    assert [(block.model, block.length) for block in chain] == [(1, 65), (103, 50)]
    assert decode_field(fields(1, 65)["SN"], image.block(chain[0])) == ("0815", None)
    assert value("W", image.block(chain[1])) == -41_500


async def test_a_chain_that_leads_nowhere_is_malformed():
    too_long = b"SunS" + struct.pack(">HH", 103, 60000)
    with pytest.raises(Malformed, match="claims 60000 registers, past the last address"):
        await sunspec.walk_models(Image(too_long).read)
    endless = b"SunS" + struct.pack(">HH", 64999, 0) * 300
    with pytest.raises(Malformed, match="does not end within 256 models"):
        await sunspec.walk_models(Image(endless).read)


@settings(max_examples=50)
@given(st.binary(max_size=400))
async def test_any_registers_give_a_chain_or_a_device_error(data):
    image = Image(b"SunS" + data + bytes(len(data) % 2))
    try:
        chain = await sunspec.walk_models(image.read)
    except (Malformed, Refused):
        return
    for block in chain:
        layouts = fields(block.model, block.length)
        if len(image.block(block)) == 2 * block.registers:
            sunspec.decode(layouts.values(), image.block(block))


# ---------------------------------------------------------------- what to read


def test_a_plan_reads_values_with_their_scale_factors_and_nothing_outside():
    block = ModelBlock(103, 40070, 50)
    layouts = fields(103, 50)
    (one,) = sunspec.plan({block: [layouts["W"]]})
    assert (one.address, one.count) == (40070 + 14, 2)
    (one,) = sunspec.plan({block: [layouts["St"], layouts["Hz"], layouts["PhVphA"]]})
    assert (one.offset, one.offset + one.count) == (10, 39)


def test_a_long_block_is_read_in_pieces_that_cut_no_value():
    block = ModelBlock(160, 40002, 8 + 20 * 20)
    layouts = fields(160, block.length)
    ranges = sunspec.plan({block: list(layouts.values())})
    assert len(ranges) == 4
    for layout in layouts.values():
        spans = [(r.offset, r.offset + r.count) for r in ranges]
        assert any(a <= layout.offset and layout.offset + layout.size <= b for a, b in spans)
        assert all(r.count <= 125 and r.offset + r.count <= block.registers for r in ranges)


def test_pieces_are_put_together_where_they_belong():
    image = encode_model(
        160, MPPT, scale_factors={"DCA_SF": -2, "DCV_SF": -1}, counts={"module": 2}
    )
    block = ModelBlock(160, 40002, 48)
    wanted = [fields(160, 48)[name] for name in ("module.1.DCV", "module.2.DCV")]
    ranges = sunspec.plan({block: wanted})
    parts = [(part, image[2 * part.offset : 2 * (part.offset + part.count)]) for part in ranges]
    whole = sunspec.assemble(block, parts)
    decoded = sunspec.decode(wanted, whole)
    assert [each.value for each in decoded.values()] == [611.2, 598.0]
    with pytest.raises(InvariantError):
        sunspec.assemble(block, [(ranges[0], b"\0")])


# ---------------------------------------------------------------- what it means


def test_scale_factors_give_the_nearest_number():
    block = inverter()
    assert [value(name, block) for name in ("A", "PhVphA", "W", "Hz")] == [
        120.5,
        230.5,
        -41500,
        49.98,
    ]
    layout = fields(103, 50)["PhVphA"]
    assert decode_field(layout, block) == (2305, 230.5)
    assert layout.unit == "V"


def test_a_scale_factor_that_is_missing_or_absurd_leaves_no_value():
    for exponent in (-32768, -11, 11, 300):
        block = bytearray(inverter())
        at = fields(103, 50)["W_SF"].offset
        block[2 * at : 2 * at + 2] = struct.pack(">h", exponent)
        assert decode_field(fields(103, 50)["W"], bytes(block)) == (-4150, None)


def test_each_type_has_its_own_not_implemented():
    empty = encode_model(103, {})
    left = {
        n: d
        for n, d in sunspec.decode(fields(103, 50).values(), empty).items()
        if d.raw is not None
    }
    assert {name: decoded.raw for name, decoded in left.items()} == {"ID": 103, "L": 50}
    floats = encode_model(113, {"W": 41_500.0})
    assert value("W", floats, 113) == 41_500.0
    assert value("A", floats, 113) is None


def test_an_accumulator_at_zero_has_not_accumulated_but_uint64_at_zero_is_zero():
    assert decode_field(fields(103, 50)["WH"], inverter(WH=0)) == (None, None)
    assert value("WH", inverter(WH=1)) == 1
    der = encode_model(701, {"TotWhInj": 0}, scale_factors={"TotWh_SF": 0})
    assert value("TotWhInj", der, 701) == 0


def test_accumulators_wrap_as_counters_do():
    assert value("WH", inverter(WH=2**32 + 5)) == 5


def test_states_and_bits_come_as_numbers_with_their_names():
    layout = fields(103, 50)["St"]
    assert decode_field(layout, inverter(St=7)) == (7, 7.0)
    assert layout.symbols[7] == "FAULT"
    assert fields(103, 50)["Evt1"].symbols[0] == "GROUND_FAULT"


def test_texts_lose_their_padding_and_bad_bytes_hurt_nobody():
    block = bytearray(encode_model(1, COMMON))
    assert decode_field(fields(1, 66)["Mn"], bytes(block)) == ("Kasr Solar", None)
    block[4:8] = b"\xff\xfe \0"
    assert decode_field(fields(1, 66)["Mn"], bytes(block))[0] == "\ufffd\ufffd"
    assert decode_field(fields(1, 66)["Opt"], bytes(block)) == (None, None)


def test_a_block_shorter_than_its_length_is_malformed():
    for layout in fields(103, 50).values():
        if layout.offset > 20:
            with pytest.raises(Malformed, match="lies past the 12 registers"):
                decode_field(layout, inverter()[:24])
    with pytest.raises(Malformed):
        decode_field(fields(1, 66)["SN"], encode_model(1, COMMON)[:60])


# ---------------------------------------------------------------- layout


def test_a_length_shorter_than_the_definition_gives_what_is_there():
    whole, half = fields(103, 50), fields(103, 19)
    assert set(half) < set(whole)
    assert "W" in half
    assert "DCW" not in half
    assert "VAr" not in half  # its register would be there, its scale factor is not


def test_repeated_groups_are_counted_from_the_length_or_by_their_point():
    assert {f.index for f in fields(160, 8 + 3 * 20).values() if f.path == "module.DCV"} == {
        (1,),
        (2,),
        (3,),
    }
    assert "module.1.DCV" not in fields(160, 8)
    ports = {f.name for f in fields(714, 18 + 2 * 25).values() if f.path == "Prt.DCV"}
    assert ports == {"Prt.1.DCV", "Prt.2.DCV"}
    told = {f.name for f in fields(714, 18 + 2 * 25, {"NPrt": 1}).values() if f.path == "Prt.DCV"}
    assert told == {"Prt.1.DCV"}


def test_groups_within_groups_need_their_counts():
    counts = {"Crv": 2, "Pt": 3}
    block = encode_model(
        705,
        {"Crv.2.Pt.3.V": 108.5},
        scale_factors={"V_SF": -1, "DeptRef_SF": 0, "RspTms_SF": 0},
        counts=counts,
    )
    length = len(block) // 2 - 2
    layouts = fields(705, length, {"NCrv": 2, "NPt": 3})
    assert decode_field(layouts["Crv.2.Pt.3.V"], block) == (1085, 108.5)
    assert decode_field(layouts["NPt"], block) == (3, 3.0)
    assert not any(layout.index for layout in fields(705, length).values())


def test_a_group_that_stands_once_has_no_index():
    layout = fields(704, 65)["PFWInj.PF"]
    assert layout.path == "PFWInj.PF"
    assert layout.index == ()


def test_an_unknown_model_has_no_points():
    assert fields(64999, 20) == {}
    assert sunspec_layout.definition(64999) is None


# ---------------------------------------------------------------- pysunspec2 reads the same

MODELS = [
    *(1, 101, 102, 103, 111, 112, 113, 120, 121, 122, 123, 124, 160, 201, 202, 203, 204, 211, 212),
    *(
        213,
        214,
        302,
        303,
        304,
        305,
        307,
        308,
        401,
        402,
        403,
        404,
        501,
        502,
        601,
        701,
        702,
        703,
        704,
    ),
    *(713, 714, 715, 801, 802, 803, 804, 805),
]


def random_block(model: int, data) -> tuple[bytes, int]:
    """A block of random registers with scale factors in range, and its number of repetitions."""
    top = sunspec_layout.definition(model)
    number = data.draw(st.integers(1, 3))
    repeated = [group for group in top.groups if group.count != 1]
    counts = {group.name: number for group in repeated}
    length = sunspec_layout.length_of(top, counts) - 2
    words = data.draw(
        st.lists(
            st.integers(0, 0xFFFF) | st.sampled_from([0, 0x8000, 0xFFFF, 0x7FC0]),
            min_size=length,
            max_size=length,
        )
    )
    block = bytearray(struct.pack(f">{length + 2}H", model, length, *words))
    for layout in fields(model, length).values():
        at = slice(2 * layout.offset, 2 * (layout.offset + layout.size))
        if layout.type == "sunssf":
            block[at] = struct.pack(">h", data.draw(st.sampled_from([-32768, *range(-10, 11)])))
        elif layout.type == "string":
            text = data.draw(st.text("AZaz09-", max_size=2 * layout.size))
            block[at] = text.encode().ljust(2 * layout.size, b"\0")
    for group in repeated:
        if isinstance(group.count, str):
            at = fields(model, length)[group.count].offset
            block[2 * at : 2 * at + 2] = struct.pack(">H", number)
    return bytes(block), number


def theirs_of(point, layout) -> float | str | None:
    """pysunspec2's value; it computes with an absent scale factor as with 0, so that is asked
    apart."""
    if layout.exponent_at is not None and point.sf is not None:
        scale = point.group.points.get(point.sf) or point.model.points.get(point.sf)
        if scale.value is None:
            return None
    return point.value if layout.type == "string" else point.cvalue


def points_of(group, prefix="") -> dict:
    found = {prefix + name: point for name, point in group.points.items()}
    for name, inner in group.groups.items():
        for i, each in enumerate(inner, 1) if isinstance(inner, list) else ((0, inner),):
            found |= points_of(each, f"{prefix}{name}.{i}." if i else f"{prefix}{name}.")
    return found


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_pysunspec2_reads_the_same_from_any_registers(model, data):
    block, _ = random_block(model, data)
    (read,) = oracle(encode_chain([block])).models[model]
    assert not read.error_info
    theirs = points_of(read)
    layouts = fields(model, len(block) // 2 - 2)
    assert set(layouts) == {name for name, p in theirs.items() if p.pdef["type"] != "pad"}
    for name, layout in layouts.items():
        if layout.type in {"ipaddr", "ipv6addr", "eui48"}:
            continue  # pysunspec2 writes addresses in a way of its own
        raw, computed = decode_field(layout, block)
        ours = raw if isinstance(raw, str) else computed
        expected = theirs_of(theirs[name], layout)
        assert theirs[name].offset == layout.offset, name
        if layout.type.startswith("float") and expected is not None and math.isinf(expected):
            continue  # an infinity is no measurement: not implemented here, a number there
        assert ours == expected if isinstance(ours, str) else close(ours, expected), name


def test_pysunspec2_knows_every_definition_as_we_do():
    for model in MODELS:
        points = get_model_def(model)["group"]["points"]
        ours = sunspec_layout.definition(model).points
        assert [p["name"] for p in points] == [p.name for p in ours]


def test_pysunspec2_reads_what_we_encode():
    reader = oracle(device())
    (common,), (ac,), (mppt,) = (reader.models[model] for model in (1, 103, 160))
    assert (common.Mn.value, common.SN.value, common.DA.value) == ("Kasr Solar", "0815", 1)
    for name, expected in INVERTER.items():
        assert ac.points[name].cvalue == expected or (name, expected) == ("Evt1", 0), name
    assert ac.Evt1.value == 0
    assert ac.PhVphB.value is None
    assert [module.DCV.cvalue for module in mppt.module] == [611.2, 598.0]
    assert mppt.module[1].IDStr.value == "east"


@pytest.mark.parametrize("model", [101, 103, 113, 160, 203, 701, 714, 802])
def test_we_read_what_pysunspec2_encodes(model):
    reader = oracle(encode_chain([encode_model(model, {}, counts={"module": 2, "Prt": 2})]))
    (written,) = reader.models[model]
    numbers = itertools.count(3)
    for point in points_of(written).values():
        kind = point.pdef["type"]
        if kind == "sunssf":
            point.value = -2
        elif point.pdef["name"] not in {"ID", "L", "NPrt", "N"} and kind not in {"pad", "string"}:
            point.value = float(next(numbers)) if kind.startswith("float") else next(numbers)
    block = written.get_mb()
    theirs = points_of(written)
    for name, layout in fields(model, len(block) // 2 - 2).items():
        if layout.type != "string":
            assert close(decode_field(layout, block)[1], theirs_of(theirs[name], layout)), name


# ---------------------------------------------------------------- the whole way, over TCP


async def test_a_sunspec_device_on_a_pymodbus_server_is_walked_and_read():
    client = ModbusClient()
    async with modbus_server({1: Unit.of(40000, device())}) as port:
        target = Target("127.0.0.1", port)

        async def read(address: int, count: int) -> bytes:
            return await client.read(target, 3, address, count)

        chain = await sunspec.walk_models(read)
        block = next(block for block in chain if block.model == 103)
        wanted = [fields(103, block.length)[name] for name in INVERTER]
        parts = [
            (part, await read(part.address, part.count)) for part in sunspec.plan({block: wanted})
        ]
        await client.close()
    decoded = sunspec.decode(wanted, sunspec.assemble(block, parts))
    assert {name: each.value for name, each in decoded.items()} == INVERTER


# ---------------------------------------------------------------- encoding refuses nonsense


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"Nope": 1}, r"has no \['Nope'\]"),
        ({"W": 4_000_000}, "does not fit into SunSpec point W"),
        ({"W": "much"}, "is a number, not 'much'"),
        ({"VA": 5}, "has a value but no scale factor"),
        ({"St": 0xFFFF}, "means 'not implemented'"),
    ],
)
def test_what_cannot_be_encoded_is_named(values, words):
    with pytest.raises(InvariantError, match=words):
        encode_model(103, values, scale_factors={"W_SF": 1})


def test_a_model_that_nobody_defined_cannot_be_encoded():
    with pytest.raises(InvariantError, match="no definition of SunSpec model 64999"):
        encode_model(64999, {})


@pytest.mark.parametrize(
    ("model", "name", "text"),
    [
        (63001, "ipaddr", "10.1.2.3"),
        (63001, "ipv6addr", "fd00::12"),
        (11, "MAC", "00:1b:2c:3d:4e:5f"),
    ],
)
def test_addresses_of_networks_are_texts(model, name, text):
    block = encode_model(model, {name: text})
    layouts = fields(model, len(block) // 2 - 2)
    assert decode_field(layouts[name], block) == (text, None)
    assert decode_field(layouts[name], encode_model(model, {})) == (None, None)
