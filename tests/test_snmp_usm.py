"""SNMPv3's keys and messages: against the vectors of the RFCs, pysnmp, and bytes that are none."""

from __future__ import annotations

import contextlib
import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysnmp.proto.rfc1902 import OctetString
from pysnmp.proto.secmod.rfc3414 import service

from collectors.snmp import ber, codec, usm
from collectors.snmp.codec import RESPONSE, Pdu, VarBind, Version
from collectors.snmp.keys import (
    AUTH_OCTETS,
    PRIVACY,
    Authenticator,
    Cryptor,
    localised,
    password_key,
    privacy_key,
)
from collectors.snmp.template import Template
from collectors.snmp.usm import Engine, Login, Reported
from core.errors import Malformed
from core.site import SnmpUser
from tests.support.v3_agent import Shown, V3Agent

ENGINE = bytes.fromhex("000000000000000000000002")
PYSNMP_AUTH = {
    "md5": service.hmacmd5.HmacMd5.SERVICE_ID,
    "sha1": service.hmacsha.HmacSha.SERVICE_ID,
    "sha224": (1, 3, 6, 1, 6, 3, 10, 1, 1, 4),
    "sha256": (1, 3, 6, 1, 6, 3, 10, 1, 1, 5),
    "sha384": (1, 3, 6, 1, 6, 3, 10, 1, 1, 6),
    "sha512": (1, 3, 6, 1, 6, 3, 10, 1, 1, 7),
}
PYSNMP_PRIV = {
    "aes192": service.aes192.AesBlumenthal192,
    "aes256": service.aes256.AesBlumenthal256,
    "aes192c": service.aes192.Aes192,
    "aes256c": service.aes256.Aes256,
}
USER = SnmpUser("kasbah", "sha256", b"a long password", "aes128", b"another password")
LEVELS = [SnmpUser("kasbah"), SnmpUser("kasbah", "sha1", b"a long password"), USER]


@pytest.mark.parametrize(
    ("auth", "key", "local"),
    [
        ("md5", "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
        (
            "sha1",
            "9fb5cc0381497b3793528939ff788d5d79145211",
            "6695febc9288e36282235fc7151f128497b38f3f",
        ),
    ],
)
def test_a_password_becomes_the_key_of_rfc_3414(auth, key, local):
    """Sections A.3.1 and A.3.2."""
    assert password_key(auth, b"maplesyrup").hex() == key
    assert localised(auth, password_key(auth, b"maplesyrup"), ENGINE).hex() == local


@pytest.mark.parametrize(
    ("auth", "digest"),
    [
        ("sha224", "896fb1128abbdf196832107cd49df33f"),
        ("sha256", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da7"),
        ("sha384", "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"),
        (
            "sha512",
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
            "daa833b7d6b8a702038b274eaea3f4e4",
        ),
    ],
)
def test_digests_are_those_of_rfc_4231_cut_as_rfc_7860_cuts_them(auth, digest):
    """RFC 4231 section 4.2; RFC 7860 section 4.1."""
    made = Authenticator(auth, b"\x0b" * 20).digest(b"Hi There")
    assert made.hex() == digest
    assert len(made) == AUTH_OCTETS[auth]


@given(st.sampled_from(sorted(AUTH_OCTETS)), st.binary(max_size=64), st.binary(max_size=500))
def test_digests_are_the_standard_library_s(auth, key, message):
    whole = hmac.digest(key, message, getattr(hashlib, auth))
    assert Authenticator(auth, key).digest(message) == whole[: AUTH_OCTETS[auth]]
    assert Authenticator(auth, key).verifies(message, whole[: AUTH_OCTETS[auth]])
    assert not Authenticator(auth, key).verifies(message + b"!", whole[: AUTH_OCTETS[auth]])


@pytest.mark.parametrize("priv", PYSNMP_PRIV)
@pytest.mark.parametrize("auth", AUTH_OCTETS)
def test_long_keys_are_stretched_as_pysnmp_stretches_them(auth, priv):
    theirs = PYSNMP_PRIV[priv]()
    key = OctetString(password_key(auth, b"a long password"))
    expected = theirs.localize_key(PYSNMP_AUTH[auth], key, OctetString(ENGINE)).asOctets()
    assert privacy_key(auth, priv, b"a long password", ENGINE) == expected


@given(
    st.sampled_from(PRIVACY),
    st.binary(min_size=1, max_size=300),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**64 - 1),
)
def test_what_is_encrypted_is_decrypted(priv, plain, boots, time, first_salt):
    key = privacy_key("sha256", priv, b"a long password", ENGINE)
    cryptor = Cryptor(priv, key, first_salt)
    one, salt = cryptor.encrypt(plain, boots, time)
    two, other = cryptor.encrypt(plain, boots, time)
    assert salt != other, "no salt twice"
    assert one != two or len(plain) < 8, "a few octets may be alike by chance"
    back = Cryptor(priv, key, 0).decrypt(one, salt, boots, time)
    assert back.startswith(plain)
    assert len(back) - len(plain) < 8


def test_no_secret_shows():
    shown = repr(USER) + str(USER) + repr(Login(Engine(ENGINE), USER, 1))
    assert "password" not in shown


FLAGS = {"noAuthNoPriv": 0, "authNoPriv": 1, "authPriv": 3}


def question(number: int) -> bytes:
    return codec.encode_request(Version.V2C, b"", codec.GET, number, ["1.3.6.1.2.1.1.3.0"])


def asked(user: SnmpUser, *, now: float = 0.0) -> tuple[V3Agent, Engine, Login, bytes]:
    """An agent that was discovered, and the user's first question to it."""
    agent = V3Agent(user)
    engine = Engine.discovered(agent.answers(usm.discovery(codec.REQUEST_ID_FIRST))[0], now)
    login = engine.login(user, 1)
    return agent, engine, login, login.seal(NUMBER, question(NUMBER), now)


NUMBER = codec.REQUEST_ID_FIRST + 5


@pytest.mark.parametrize("user", LEVELS, ids=lambda user: user.level)
def test_an_answer_is_opened_as_a_v2c_answer(user):
    agent, engine, login, request = asked(user)
    assert codec.peek_request_id(request) == NUMBER
    (answer,) = agent.answers(request)
    plain = login.open(answer, NUMBER, 1.0)
    assert codec.decode_response(plain).varbinds[0].oid == "1.3.6.1.2.1.1.3.0"
    assert engine.certain is bool(user.auth)
    assert login.heard


def shown(user: SnmpUser, /, **more) -> Shown:
    binds = (VarBind("1.3.6.1.2.1.1.3.0", ber.TIME_TICKS, 1),)
    told = {
        "message_id": NUMBER,
        "request_id": NUMBER,
        "flags": FLAGS[user.level],
        "kind": RESPONSE,
    }
    return Shown(**{**told, "binds": binds, "user": user.name.encode(), **more})


@pytest.mark.parametrize(
    ("user", "change", "words"),
    [
        (USER, {"flags": 0}, "not authenticated"),
        (USER, {"flags": 1}, "not encrypted"),
        (LEVELS[1], {"flags": 0}, "not authenticated"),
        (USER, {"digest": bytes(24)}, "authentication is wrong"),
        (USER, {"user": b"somebody"}, "another user"),
        (USER, {"engine_id": b"\x80\x00\x1f\x88\x04agent-2"}, "another user or engine"),
        (USER, {"request_id": NUMBER + 1}, "another request"),
        (USER, {"kind": codec.GET}, "request came back"),
        (SnmpUser("kasbah"), {"user": b"somebody"}, "another user"),
        (SnmpUser("kasbah"), {"request_id": NUMBER + 1}, "another request"),
    ],
)
def test_what_is_not_the_answer_as_asked_is_dropped(user, change, words):
    agent, _, login, _ = asked(user)
    with pytest.raises(Malformed, match=words):
        login.open(agent.write(shown(user, **change)), NUMBER, 0.0)
    assert not login.heard


@pytest.mark.parametrize("user", LEVELS[1:], ids=lambda user: user.level)
def test_no_bit_of_an_answer_may_change(user):
    agent, _, login, request = asked(user)
    (answer,) = agent.answers(request)
    for at in range(len(answer)):
        changed = answer[:at] + bytes((answer[at] ^ 0x01,)) + answer[at + 1 :]
        with pytest.raises(Malformed):
            login.open(changed, NUMBER, 0.0)
    assert login.open(answer, NUMBER, 0.0)


def test_a_guessed_clock_is_never_a_reason_to_refuse():
    """The answer to a discovery is signed by nobody."""
    agent, engine, login, _ = asked(USER)
    lie = Engine(engine.engine_id, 2**31 - 2, 5_000_000)
    login = lie.login(USER, 1)
    assert login.open(agent.write(shown(USER)), NUMBER, 0.0)
    assert lie.clock(0.0) == (agent.boots, agent.time)


@pytest.mark.parametrize(
    ("boots", "time", "taken"),
    [
        (7, 1000, True),
        (7, 850, True),
        (7, 849, False),
        (7, 9000, True),
        (8, 1, True),
        (6, 1000, False),
    ],
)
def test_an_old_answer_is_not_taken_and_sets_the_clock(boots, time, taken):
    """RFC 3414 section 3.2, step 7b. It is authentic and to our message id, so its clock counts."""
    agent, engine, login, _ = asked(USER)
    assert login.open(agent.write(shown(USER)), NUMBER, 0.0)
    answer = agent.write(shown(USER, boots=boots, time=time))
    if taken:
        assert login.open(answer, NUMBER, 0.0)
    else:
        with pytest.raises(Reported) as caught:
            login.open(answer, NUMBER, 0.0)
        assert (caught.value.oid, caught.value.authenticated) == (usm.NOT_IN_TIME_WINDOW, True)
    assert engine.clock(0.0) == ((7, 1000) if (boots, time) == (7, 850) else (boots, time))


def test_the_clock_goes_on_between_answers():
    engine = Engine(ENGINE)
    engine.set(3, 100, 50.0)
    assert engine.clock(60.9) == (3, 110)
    engine.set(3, 2**31 - 5, 50.0)
    assert engine.clock(99.0) == (3, 2**31 - 1)


def test_the_wrong_privacy_key_is_told_as_that():
    agent, _, _, _ = asked(USER)
    other = SnmpUser("kasbah", "sha256", b"a long password", "aes128", b"not the password")
    login = Engine(agent.engine_id).login(other, 1)
    with pytest.raises(Reported) as caught:
        login.open(agent.write(shown(USER)), NUMBER, 0.0)
    assert caught.value.oid == usm.DECRYPTION_ERROR


def test_reports_are_told_with_their_authentication():
    agent, _, login, _ = asked(USER)
    for flags, sure in ((0, False), (1, True)):
        report = agent.write(agent.report(NUMBER, usm.NOT_IN_TIME_WINDOW, flags=flags))
        with pytest.raises(Reported) as caught:
            login.open(report, NUMBER, 0.0)
        assert (caught.value.oid, caught.value.authenticated) == (usm.NOT_IN_TIME_WINDOW, sure)


AGENTS = {user.level: asked(user) for user in LEVELS}
GOOD = {
    level: (*agent.answers(request), request, usm.discovery(NUMBER))
    for level, (agent, _, _, request) in AGENTS.items()
}
"""Taken once: an agent counts, so its next answers may be of another length."""


@settings(max_examples=300)
@given(st.sampled_from(sorted(AGENTS)), st.data())
def test_only_malformed_and_reported_come_of_bad_bytes(level, data):
    agent, engine, _, _ = AGENTS[level]
    login = Login(engine, agent.user, 1)
    whole = data.draw(st.sampled_from(GOOD[level]))
    kind = data.draw(st.integers(0, 3))
    at = data.draw(st.integers(0, len(whole) - 1))
    bad = {
        0: whole[:at],
        1: whole[:at] + data.draw(st.binary(min_size=1, max_size=4)) + whole[at + 1 :],
        2: data.draw(st.binary(max_size=80)),
        3: whole[:at] + whole[at + 1 :],
    }[kind]
    for read in (
        codec.peek_request_id,
        lambda bytes_: Engine.discovered(bytes_, 0.0),
        lambda bytes_: login.open(bytes_, NUMBER, 0.0),
    ):
        with contextlib.suppress(Malformed, Reported):
            read(bad)


@given(st.sampled_from(sorted(AGENTS)), st.data())
def test_an_authentic_engine_may_talk_nonsense(level, data):
    """Its digest is right, so the rest is reached."""
    agent, engine, _, _ = AGENTS[level]
    login = Login(engine, agent.user, 1)
    pdu = question(NUMBER)[7:]
    good = ber.element(ber.SEQUENCE, bytes.fromhex("04000400a2") + pdu[1:])
    at = data.draw(st.integers(0, len(good) - 1))
    bad = data.draw(
        st.binary(max_size=60)
        | st.just(good[:at])
        | st.binary(min_size=1, max_size=3).map(lambda piece: good[:at] + piece + good[at + 1 :])
    )
    template = Template.of(["1.3.6.1.2.1.1.3.0"])
    with contextlib.suppress(Malformed, Reported):
        template.decode(login.open(agent.write(shown(agent.user, scoped=bad)), NUMBER, 0.0))


def test_a_pdu_in_the_clothes_of_v2c_is_read_by_the_usual_decoder():
    pdu = Pdu(RESPONSE, NUMBER, 0, 0, (VarBind("1.3.6.1.2.1.1.3.0", ber.INTEGER, 5),))
    message = codec.Message(Version.V2C, b"", pdu)
    plain = codec.encode_message(message)
    _, _, start, stop = codec.decode_envelope(plain)
    assert codec.encode_envelope(plain[start:stop]) == plain
