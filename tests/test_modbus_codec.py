"""Modbus frames and messages: tables from the specification, and fuzz."""

from __future__ import annotations

import ast
import contextlib
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.modbus import codec, registers
from core.errors import InvariantError, Malformed

BYTES = st.binary(max_size=600)
UNIT = st.integers(0, 255)
WORD = st.integers(0, 0xFFFF)


@st.composite
def reads(draw):
    fc = draw(st.integers(1, 4))
    count = draw(st.integers(1, 2000 if fc < 3 else 125))
    return codec.ReadRequest(fc, draw(st.integers(0, 0x10000 - count)), count)


REQUESTS = reads() | st.builds(codec.IdentifyRequest, st.integers(1, 4), UNIT)


def frames_of(pieces) -> list[codec.Frame]:
    framer = codec.Framer()
    found = []
    for piece in pieces:
        framer.feed(piece)
        while (frame := framer.next_frame()) is not None:
            found.append(frame)
    return found


def cut(data: bytes, places) -> list[bytes]:
    places = sorted({place % (len(data) + 1) for place in places})
    edges = [0, *places, len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


# ---------------------------------------------------------------- bytes of the specification


def test_a_read_has_the_bytes_of_the_specification():
    # V1.1b3, section 6.3: read holding registers 108..110, here for unit 17
    wire = codec.encode_request(0x1501, 17, codec.ReadRequest(3, 0x6B, 3))
    assert wire == bytes.fromhex("1501 0000 0006 11 03 006B 0003")


def test_an_answer_of_the_specification_is_read():
    request = codec.ReadRequest(3, 0x6B, 3)
    data = codec.decode_read(bytes.fromhex("03 06 022B 0000 0064"), request)
    assert data == bytes.fromhex("022B 0000 0064")
    assert [registers.decode(data, i, "u16") for i in range(3)] == [555, 0, 100]


def test_coils_of_the_specification_are_read():
    # section 6.1: coils 20..38 are CD 6B 05
    data = codec.decode_read(bytes.fromhex("01 03 CD6B05"), codec.ReadRequest(1, 19, 19))
    bits = [registers.decode(data, i, "bit") for i in range(19)]
    assert bits == [1, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1]


def test_an_identification_of_the_specification_is_read():
    # section 6.21, example of a basic identification in one answer
    pdu = b"\x2b\x0e\x01\x01\x00\x00\x03\x00\x16Company identification"
    pdu += b"\x01\x0dProduct code " + b"\x02\x05V2.11"
    answer = codec.decode_identification(pdu, codec.IdentifyRequest())
    assert answer == codec.Identification(
        {0: b"Company identification", 1: b"Product code ", 2: b"V2.11"}, None
    )


def test_an_exception_is_told_apart_from_data():
    request = codec.ReadRequest(1, 0x4A1, 1)
    assert codec.decode_read(b"\x81\x02", request) == codec.ExceptionAnswer(1, 2)
    with pytest.raises(Malformed):
        codec.decode_read(b"\x83\x02", request)


# ---------------------------------------------------------------- nothing writes


def test_no_function_but_the_reading_ones_can_be_encoded():
    for fc in set(range(256)) - {1, 2, 3, 4}:
        with pytest.raises(InvariantError, match="not one that reads"):
            codec.ReadRequest(fc, 0, 1)


def test_whatever_can_be_encoded_reads():
    allowed = [codec.ReadRequest(fc, 0, 1) for fc in (1, 2, 3, 4)]
    allowed += [codec.IdentifyRequest(code) for code in (1, 2, 3, 4)]
    for request in allowed:
        wire = codec.encode_request(1, 1, request)
        assert wire[7] in {1, 2, 3, 4} or wire[7:9] == b"\x2b\x0e"
    for other in (b"\x06\0\0\0\1", (6, 0, 1), codec.ExceptionAnswer(6, 0), None):
        with pytest.raises(InvariantError, match="not a request that reads"):
            codec.encode_request(1, 1, other)


def test_no_module_that_ships_names_a_call_that_writes():
    root = Path(codec.__file__).parents[2]
    writing = {
        "write_register",
        "write_registers",
        "write_coil",
        "write_coils",
        "mask_write_register",
    }
    writing |= {"readwrite_registers", "write_file_record", "write_points"}
    for package in ("agent", "api", "collectors", "core", "history", "simulator"):
        for path in (root / package).rglob("*.py"):
            names = {
                node.attr if isinstance(node, ast.Attribute) else node.id
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.Attribute | ast.Name)
            }
            assert not names & writing, path


@pytest.mark.parametrize(
    ("fc", "address", "count"),
    [(3, 0, 0), (3, 0, 126), (1, 0, 2001), (3, -1, 1), (3, 65535, 2), (4, 65411, 126)],
)
def test_a_range_that_no_request_can_have_is_refused(fc, address, count):
    with pytest.raises(InvariantError):
        codec.ReadRequest(fc, address, count)


@pytest.mark.parametrize(
    ("pdu", "code"),
    [
        (b"\x06\0\0\0\1", codec.ILLEGAL_FUNCTION),
        (b"\x10\0\0\0\1\2\0\0", codec.ILLEGAL_FUNCTION),
        (b"\x2b\x0d\0\0", codec.ILLEGAL_FUNCTION),
        (b"\x2b\x0e\x05\0", codec.ILLEGAL_VALUE),
        (b"\x03\0\0\0\0", codec.ILLEGAL_VALUE),
        (b"\x03\0\0\0\x7e", codec.ILLEGAL_VALUE),
        (b"\x03\xff\xff\0\x02", codec.ILLEGAL_ADDRESS),
    ],
)
def test_the_device_side_owes_an_exception_for_what_it_does_not_do(pdu, code):
    assert codec.decode_request(pdu) == codec.ExceptionAnswer(pdu[0], code)


# ---------------------------------------------------------------- round trips


@given(WORD, UNIT, REQUESTS)
def test_a_request_survives_the_wire(transaction, unit, request_):
    (frame,) = frames_of([codec.encode_request(transaction, unit, request_)])
    assert (frame.transaction, frame.unit) == (transaction, unit)
    assert codec.decode_request(frame.pdu) == request_


@given(reads(), st.data())
def test_an_answer_survives_the_wire(request_, data):
    size = (request_.count + 7) // 8 if request_.fc < 3 else 2 * request_.count
    values = data.draw(st.binary(min_size=size, max_size=size))
    pdu = codec.encode_read(request_, values)
    (frame,) = frames_of([codec.encode_frame(codec.Frame(1, 1, pdu))])
    assert codec.decode_read(frame.pdu, request_) == values
    assert len(codec.encode_frame(frame)) <= codec.MAX_FRAME


@given(st.dictionaries(UNIT, st.binary(max_size=300), max_size=12), st.sampled_from([1, 2, 3]))
def test_an_identification_survives_in_as_many_answers_as_it_needs(objects, code):
    last = {1: 2, 2: 0x7F, 3: 0xFF}[code]
    request = codec.IdentifyRequest(code)
    read: dict[int, bytes] = {}
    for _ in range(len(objects) + 1):
        answer = codec.decode_identification(codec.encode_identification(request, objects), request)
        read.update(answer.objects)
        if answer.next_id is None:
            break
        request = codec.IdentifyRequest(code, answer.next_id)
    assert answer.next_id is None
    assert read == {i: value[:244] for i, value in objects.items() if i <= last}


def test_a_single_object_is_given_or_refused():
    one = codec.IdentifyRequest(4, 1)
    assert codec.decode_identification(
        codec.encode_identification(one, {1: b"x"}), one
    ) == codec.Identification({1: b"x"}, None)
    assert codec.encode_identification(codec.IdentifyRequest(4, 9), {1: b"x"}) == b"\xab\x02"


@given(
    st.lists(st.tuples(WORD, UNIT, st.binary(min_size=1, max_size=253)), max_size=6),
    st.lists(st.integers(0, 5000), max_size=30),
)
def test_frames_are_the_same_in_whatever_pieces_they_come(messages, places):
    sent = [codec.Frame(*message) for message in messages]
    stream = b"".join(codec.encode_frame(frame) for frame in sent)
    assert frames_of(cut(stream, places)) == sent


def test_many_frames_in_one_read_cost_no_more_than_their_bytes():
    frame = codec.Frame(1, 1, b"\x83\x02")
    assert len(frames_of([codec.encode_frame(frame) * 20_000])) == 20_000


# ---------------------------------------------------------------- fuzz: only Malformed escapes


@given(BYTES, st.lists(st.integers(0, 600), max_size=20))
def test_any_bytes_in_any_pieces_give_frames_or_malformed(data, places):
    def outcome(pieces):
        framer, found = codec.Framer(), []
        try:
            for piece in pieces:
                framer.feed(piece)
                while (frame := framer.next_frame()) is not None:
                    found.append(frame)
                assert len(framer._data) - framer._at < codec.MAX_FRAME
        except Malformed:
            found.append(None)
        return found

    assert outcome(cut(data, places)) == outcome([data])


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_absurd_lengths_and_protocols_are_malformed_after_seven_bytes(protocol, length):
    framer = codec.Framer()
    framer.feed(struct.pack(">HHHB", 1, protocol, length, 1))
    if protocol == 0 and 2 <= length <= 254:
        assert framer.next_frame() is None
    else:
        with pytest.raises(Malformed):
            framer.next_frame()


@given(st.binary(max_size=260), reads(), st.integers(1, 4))
def test_any_pdu_is_an_answer_or_malformed(pdu, request_, code):
    for decode, asked in (
        (codec.decode_read, request_),
        (codec.decode_identification, codec.IdentifyRequest(code)),
    ):
        for candidate in (pdu, bytes((asked.fc,)) + pdu, bytes((asked.fc, 14)) + pdu):
            with contextlib.suppress(Malformed):
                decode(candidate, asked)


@given(st.binary(max_size=260), st.sampled_from([1, 2, 3, 4, 43, 6, 16]))
def test_any_pdu_is_a_request_or_an_exception_or_malformed(pdu, fc):
    for candidate in (pdu, bytes((fc,)) + pdu):
        try:
            answer = codec.decode_request(candidate)
        except Malformed:
            continue
        if isinstance(answer, codec.ExceptionAnswer):
            assert codec.encode_exception(answer)[0] & 0x80


# ---------------------------------------------------------------- values in registers


@pytest.mark.parametrize(
    ("wire", "kind", "order", "value"),
    [
        ("FFFE", "u16", "big", 65534),
        ("FFFE", "s16", "big", -2),
        ("42480000", "f32", "big", 50.0),
        ("00004248", "f32", "little", 50.0),
        ("00010002", "u32", "big", 0x10002),
        ("00010002", "u32", "little", 0x20001),
        ("FFFFFFFE", "s32", "big", -2),
        ("FFFEFFFF", "s32", "little", -2),
        ("0001000200030004", "u64", "big", 0x1000200030004),
        ("0001000200030004", "u64", "little", 0x4000300020001),
        ("FFFFFFFFFFFFFFFF", "s64", "little", -1),
        ("4049000000000000", "f64", "big", 50.0),
        ("0000000000004049", "f64", "little", 50.0),
    ],
)
def test_numbers_lie_in_registers_as_the_maker_orders_words(wire, kind, order, value):
    data = b"\xaa\xbb" + bytes.fromhex(wire)
    assert registers.decode(data, 1, kind, word_order=order) == value
    assert registers.encode(value, kind, word_order=order) == data[2:]
    assert registers.width(kind) == len(wire) // 4


def test_a_text_ends_at_its_nul_and_loses_its_padding():
    data = b"PM5560  \0\0xyz\0"
    assert registers.decode(data, 0, "string", count=7) == "PM5560"
    assert registers.decode(b"\xff\xfe" * 3, 0, "string", count=3) == "\ufffd" * 6
    assert registers.encode("PM5560", "string", count=4) == b"PM5560\0\0"
    assert registers.width("string", 10) == 10


@given(st.binary(max_size=20), st.integers(-3, 200))
def test_a_value_past_the_end_is_malformed(data, at):
    for kind in (*registers.FORMATS, "string", "bit"):
        try:
            registers.decode(data, at, kind, count=4)
        except Malformed:
            continue
        held = 8 * len(data) if kind == "bit" else len(data) // 2
        assert at >= 0
        assert at + registers.width(kind, 4) <= held


PLACES = st.builds(
    registers.Place,
    st.integers(0, 20),
    st.sampled_from([*registers.FORMATS, "string"]),
    st.sampled_from(["big", "little"]),
    st.integers(1, 6),
)


@given(st.lists(PLACES, max_size=12), st.binary(min_size=60, max_size=60))
def test_reading_all_values_at_once_gives_what_reading_each_gives(places, data):
    each = [
        registers.decode(data, place.at, place.kind, word_order=place.word_order, count=place.count)
        for place in places
    ]
    at_once = registers.reader(places)(data)
    assert struct.pack(f">{len(each)}d", *map(_number, each)) == struct.pack(
        f">{len(each)}d", *map(_number, at_once)
    )
    assert [type(value) for value in at_once] == [type(value) for value in each]


def _number(value) -> float:
    return float(hash(value)) if isinstance(value, str) else float(value)


def test_reading_all_values_of_too_few_registers_is_malformed():
    for kind in ("u16", "f64", "string"):
        with pytest.raises(Malformed):
            registers.reader([registers.Place(3, kind, count=2)])(b"\0" * 6)
    packed = [registers.Place(i, "bit") for i in (0, 9)]
    assert registers.reader(packed)(b"\x01\x02") == [1, 1]


def test_what_does_not_fit_is_our_bug_and_named():
    with pytest.raises(InvariantError, match="70000 does not fit into a u16"):
        registers.encode(70000, "u16")
    with pytest.raises(InvariantError, match="no register type 'u24'"):
        registers.width("u24")
    assert registers.encode(2**64 - 1, "u64") == b"\xff" * 8
    assert registers.encode(12.6, "u16") == b"\0\x0d"
