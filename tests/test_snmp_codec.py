"""SNMP on the wire: against pysnmp's encoder, and against bytes that are no SNMP at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder as asn1_decoder
from pyasn1.codec.ber import encoder as asn1_encoder
from pysnmp.proto import api

from collectors.snmp import ber, codec
from collectors.snmp.codec import GET, GET_BULK, GET_NEXT, RESPONSE, Message, Pdu, VarBind, Version
from collectors.snmp.template import Template
from core.errors import Malformed

OIDS = st.lists(st.integers(0, 2**32 - 1), min_size=0, max_size=10).map(
    lambda tail: ".".join(map(str, [1, 3, 6, 1, *tail]))
)
VALUES = st.one_of(
    st.tuples(st.just(ber.INTEGER), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just(ber.COUNTER32), st.integers(0, 2**32 - 1)),
    st.tuples(st.just(ber.GAUGE32), st.integers(0, 2**32 - 1)),
    st.tuples(st.just(ber.TIME_TICKS), st.integers(0, 2**32 - 1)),
    st.tuples(st.just(ber.COUNTER64), st.integers(0, 2**64 - 1)),
    st.tuples(st.just(ber.OCTET_STRING), st.binary(max_size=300)),
    st.tuples(st.just(ber.OID), OIDS),
    st.tuples(
        st.just(ber.IP_ADDRESS),
        st.tuples(*[st.integers(0, 255)] * 4).map(lambda octets: ".".join(map(str, octets))),
    ),
    st.tuples(
        st.just(ber.OPAQUE), st.floats(allow_nan=False) | st.floats(width=32, allow_nan=False)
    ),
    st.tuples(st.sampled_from([ber.NULL, *sorted(ber.EXCEPTIONS)]), st.none()),
)
BINDS = st.lists(st.tuples(OIDS, VALUES).map(lambda b: VarBind(b[0], *b[1])), max_size=30)
MESSAGES = st.builds(
    Message,
    st.sampled_from([Version.V1, Version.V2C]),
    st.binary(max_size=40),
    st.builds(
        Pdu,
        st.sampled_from([GET, GET_NEXT, RESPONSE, GET_BULK]),
        st.integers(codec.REQUEST_ID_FIRST, codec.REQUEST_ID_LAST),
        st.integers(0, 18),
        st.integers(0, 100),
        BINDS.map(tuple),
    ),
)

PYSNMP_VALUES = {
    ber.INTEGER: "Integer32",
    ber.COUNTER32: "Counter32",
    ber.GAUGE32: "Gauge32",
    ber.TIME_TICKS: "TimeTicks",
    ber.COUNTER64: "Counter64",
    ber.OCTET_STRING: "OctetString",
    ber.OID: "ObjectIdentifier",
    ber.IP_ADDRESS: "IpAddress",
}


@given(MESSAGES)
def test_what_is_written_is_read_back(message):
    assert codec.decode_message(codec.encode_message(message)) == message


@given(st.lists(st.tuples(OIDS, VALUES), min_size=1, max_size=8), st.integers(0, 2**31 - 1))
def test_a_response_of_pysnmp_is_read_as_pysnmp_wrote_it(binds, number):
    module = api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
    pdu = module.ResponsePDU()
    module.apiPDU.set_defaults(pdu)
    module.apiPDU.set_request_id(pdu, number)
    expected = []
    written = []
    for oid, (tag, value) in binds:
        if tag not in PYSNMP_VALUES:
            continue
        expected.append(VarBind(oid, tag, value))
        written.append((oid, getattr(module, PYSNMP_VALUES[tag])(value)))
    module.apiPDU.set_varbinds(pdu, written)
    message = module.Message()
    module.apiMessage.set_defaults(message)
    module.apiMessage.set_community(message, "public")
    module.apiMessage.set_pdu(message, pdu)
    read = codec.decode_message(asn1_encoder.encode(message))
    assert read.community == b"public"
    assert read.pdu == Pdu(RESPONSE, number, 0, 0, tuple(expected))


@given(st.lists(OIDS, min_size=1, max_size=24), st.sampled_from([Version.V1, Version.V2C]))
def test_pysnmp_reads_a_request_as_it_was_meant(oids, version):
    request = Template.of(oids).request(version, b"se cret", 0x12345678)
    numbers = {Version.V1: api.SNMP_VERSION_1, Version.V2C: api.SNMP_VERSION_2C}
    module = api.PROTOCOL_MODULES[numbers[version]]
    message, rest = asn1_decoder.decode(request, asn1Spec=module.Message())
    assert rest == b""
    assert bytes(module.apiMessage.get_community(message)) == b"se cret"
    pdu = module.apiMessage.get_pdu(message)
    assert int(module.apiPDU.get_request_id(pdu)) == 0x12345678
    assert [str(oid) for oid, _ in module.apiPDU.get_varbinds(pdu)] == list(oids)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(data):
    template = Template.of(["1.3.6.1.2.1.1.3.0"])
    for read in (codec.decode_message, codec.peek_request_id, template.decode):
        try:
            read(data)
        except Malformed:
            continue


@given(MESSAGES, st.data())
def test_damaged_messages_are_read_or_malformed(message, data):
    whole = bytearray(codec.encode_message(message))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    whole = whole[: data.draw(st.integers(0, len(whole)))]
    template = Template.of([bind.oid for bind in message.pdu.varbinds] or ["1.3"])
    for read in (codec.decode_message, codec.peek_request_id, template.decode):
        try:
            read(bytes(whole))
        except Malformed:
            continue


@given(st.data())
def test_each_way_to_read_an_answer_reads_the_same(data):
    """The fast ways decide about speed only, whatever the types, lengths and signs of values."""
    oids = data.draw(st.lists(OIDS, min_size=1, max_size=8, unique=True))
    template = Template.of(oids)
    steady = [data.draw(VALUES) for _ in oids]
    for number in range(6):
        changed = [data.draw(st.none() | VALUES) for _ in oids]
        drawn = [new or old for new, old in zip(changed, steady, strict=True)]
        binds = tuple(VarBind(oid, *value) for oid, value in zip(oids, drawn, strict=True))
        pdu = Pdu(RESPONSE, codec.REQUEST_ID_FIRST + number, 0, 0, binds)
        packet = codec.encode_message(Message(Version.V2C, b"public", pdu))
        for _ in range(3):  # along the OIDs, again so, and certainly by its layout
            answer = template.decode(packet)
            assert list(answer.values) == [bind.value for bind in binds]
            assert list(answer.tags) == [bind.tag for bind in binds]
    misses = template.misses
    template.decode(packet)
    assert template.misses == misses


@given(MESSAGES, st.data())
def test_damaged_answers_are_read_alike_or_not_at_all(message, data):
    """The fast ways accept nothing that the general decoder refuses, and read nothing
    differently."""
    binds = message.pdu.varbinds or (VarBind("1.3.6.1.1.0", ber.INTEGER, 300),)
    pdu = replace(message.pdu, kind=RESPONSE, error_status=0, error_index=0, varbinds=binds)
    whole = codec.encode_message(replace(message, pdu=pdu))
    template = Template.of([bind.oid for bind in binds])
    for _ in range(2):
        template.decode(whole)
    for _ in range(8):
        broken = bytearray(whole)
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
        outcomes = []
        for read in (template._decode_carefully, template.decode, template.decode):
            try:
                outcomes.append(read(bytes(broken)))
            except Malformed:
                outcomes.append(None)
        assert repr(outcomes[0]).replace("[", "(") == repr(outcomes[1]).replace("[", "(")
        assert repr(outcomes[1]) == repr(outcomes[2])


def test_a_layout_is_compiled_when_it_comes_again(monkeypatch):
    """Compiling one costs more than it saves where it never comes again."""
    compiled = []
    monkeypatch.setattr(
        "collectors.snmp.template.Shape.of", lambda data: compiled.append(data) or None
    )
    template = Template.of(["1.3.6.1.1.0"])
    for length in range(1, 100):
        template.decode(response(VarBind("1.3.6.1.1.0", ber.OCTET_STRING, bytes(length))))
    assert not compiled
    for _ in range(2):
        template.decode(response(VarBind("1.3.6.1.1.0", ber.OCTET_STRING, bytes(7))))
    assert len(compiled) == 1


def test_an_oid_may_be_written_with_a_leading_dot():
    template = Template.of([".1.3.6.1.1.0"])
    assert template.oids == ("1.3.6.1.1.0",)
    assert template.decode(response(VarBind("1.3.6.1.1.0", ber.INTEGER, 3))).values == [3]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.3.x",
        "1.40.1",
        "3.1",
        "1.3.4294967296",
        "1.3.-1",
        "2.4294967295",
        "1.3" + ".1" * 127,
    ],
)
def test_what_is_no_oid_is_refused(text):
    with pytest.raises(ValueError, match=r"no object identifier|beyond 32 bits|more than 128"):
        Template.of([text])


def test_an_endless_object_identifier_is_malformed():
    with pytest.raises(Malformed, match="too long"):
        ber.read_oid(b"\x2b" + b"\x01" * 1000)


def response(*binds: VarBind, status: int = 0, index: int = 0) -> bytes:
    pdu = Pdu(RESPONSE, codec.REQUEST_ID_FIRST, status, index, binds)
    return codec.encode_message(Message(Version.V2C, b"public", pdu))


def test_an_answer_to_other_objects_is_malformed():
    template = Template.of(["1.3.6.1.1.0", "1.3.6.1.2.0"])
    one, two = (VarBind(f"1.3.6.1.{n}.0", ber.INTEGER, n) for n in (1, 2))
    assert template.decode(response(one, two)).values == [1, 2]
    for wrong in ((two, one), (one,), (one, two, two), ()):
        with pytest.raises(Malformed):
            template.decode(response(*wrong))


@pytest.mark.parametrize("number", [0, 127, 128, codec.REQUEST_ID_FIRST, codec.REQUEST_ID_LAST])
@pytest.mark.parametrize("octets", [1, 200, 70_000])
def test_a_request_id_is_found_whatever_the_layout(number, octets):
    bind = VarBind("1.3.6.1.1.0", ber.OCTET_STRING, bytes(octets))
    packet = codec.encode_message(
        Message(Version.V1, b"c" * octets, Pdu(RESPONSE, number, 0, 0, (bind,)))
    )
    assert codec.peek_request_id(packet) == number


def test_a_request_id_with_needless_octets_is_found():
    packet = response(VarBind("1.3.6.1.1.0", ber.INTEGER, 1))
    padded = packet.replace(b"\x02\x04\x10\0\0\0", b"\x02\x05\0\x10\0\0\0")
    for at in (1, packet.index(b"\xa2") + 1):  # message and PDU are one octet longer
        padded = padded[:at] + bytes((padded[at] + 1,)) + padded[at + 1 :]
    assert codec.peek_request_id(padded) == codec.REQUEST_ID_FIRST
    template = Template.of(["1.3.6.1.1.0"])
    assert [template.decode(padded).values for _ in range(4)] == [[1]] * 4


@pytest.mark.parametrize(
    ("status", "name"), [(1, "tooBig"), (5, "genErr"), (16, "authorizationError"), (99, "99")]
)
def test_an_error_status_has_the_word_of_the_rfc(status, name):
    assert codec.error_name(status).endswith(name)


def test_an_error_status_is_told_with_its_index():
    answer = Template.of(["1.3.6.1.1.0"]).decode(response(status=2, index=1))
    assert (answer.error_status, answer.error_index) == (2, 1)


def test_missing_objects_have_no_value_and_keep_their_reason():
    template = Template.of(["1.3.6.1.1.0", "1.3.6.1.2.0"])
    packet = response(
        VarBind("1.3.6.1.1.0", ber.NO_SUCH_OBJECT, None), VarBind("1.3.6.1.2.0", ber.INTEGER, 5)
    )
    for _ in range(3):
        answer = template.decode(packet)
        assert list(answer.values) == [None, 5]
        assert answer.tags[0] == ber.NO_SUCH_OBJECT


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("4104ffffffff", 4294967295),  # Counter32 whose top bit looks like a sign
        ("420500ffffffff", 4294967295),
        ("4209000000000000000001", 1),  # needless leading octets
        ("0203ffff38", -200),
        ("4408" + "9f780440490fdb" + "00", None),
        ("460900ffffffffffffffff", 2**64 - 1),
    ],
)
def test_sloppy_numbers_are_read_for_what_they_mean(element, value):
    data = bytes.fromhex(element)
    tag, start, stop = ber.read_header(data, 0, len(data))
    read = ber.read_value(data, tag, start, stop)
    if value is not None:
        assert read == value


@pytest.mark.parametrize(
    "element",
    [
        "4101ff",  # one octet with its top bit set
        "4104ffffffff",
        "420500ffffffff",
        "42057fffffffff",  # more than fits the type
        "4209000000000000000001",
        "0203ffff38",
        "0203003838",
        "020700ffffffffffff",
        "02098000000000000000ff",
        "4603ffffff",
        "460900ffffffffffffffff",
    ],
)
def test_sloppy_numbers_are_read_alike_by_their_layout(element):
    """And so are other values that come with the same lengths."""
    octets = bytes.fromhex(element)
    template = Template.of(["1.3.6.1.1.0"])
    whole = response(VarBind("1.3.6.1.1.0", ber.OCTET_STRING, octets[2:]))
    for last in (octets[-1:], b"\x00", b"\xfe"):
        for first in (octets[2:3], b"\x00", b"\x80"):
            number = octets[:2] + (first + octets[3:-1] if len(octets) > 3 else b"") + last
            packet = whole[: -len(octets)] + number
            general = codec.decode_message(packet).pdu.varbinds[0]
            for _ in range(2):
                answer = template.decode(packet)
                assert list(answer.values) == [general.value]
                assert list(answer.tags) == [octets[0]]


def test_opaque_floats_are_numbers():
    data = bytes.fromhex("44079f780440490fdb")
    tag, start, stop = ber.read_header(data, 0, len(data))
    assert ber.read_value(data, tag, start, stop) == pytest.approx(3.1415927)


def test_there_is_no_set():
    assert not hasattr(codec, "SET")
    with pytest.raises(Malformed):
        codec.decode_message(
            codec.encode_message(
                Message(Version.V2C, b"x", Pdu(0xA3, codec.REQUEST_ID_FIRST, 0, 0, ()))
            )
        )
