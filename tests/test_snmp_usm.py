"""The user-based security model: keys of the standards, messages closed and opened."""

from __future__ import annotations

import contextlib
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.snmp import codec, usm
from collectors.snmp.usm import AUTHS, PRIVS
from core.errors import Malformed
from core.site import SnmpUser

ENGINE = bytes.fromhex("000000000000000000000002")
PDU = codec.encode_request(codec.Version.V2C, b"", codec.GET, 0x12345678, ["1.3.6.1.2.1.1.3.0"])[7:]


@pytest.mark.parametrize(
    ("hash_name", "key", "local"),
    [
        ("md5", "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
        (
            "sha1",
            "9fb5cc0381497b3793528939ff788d5d79145211",
            "6695febc9288e36282235fc7151f128497b38f3f",
        ),
    ],
)
def test_keys_are_those_of_rfc_3414_appendix_a3(hash_name, key, local):
    assert usm.key_of(hash_name, b"maplesyrup").hex() == key
    assert usm.localised(hash_name, bytes.fromhex(key), ENGINE).hex() == local


def test_a_key_that_is_too_short_is_extended_in_either_way():
    key = usm.localised("sha1", usm.key_of("sha1", b"maplesyrup"), ENGINE)
    blumenthal = usm.private_key("sha1", "aes256", b"maplesyrup", ENGINE)
    assert blumenthal == (key + hashlib.sha1(key, usedforsecurity=False).digest())[:32]
    reeder = usm.private_key("sha1", "aes256c", b"maplesyrup", ENGINE)
    assert reeder == (key + usm.localised("sha1", usm.key_of("sha1", key), ENGINE))[:32]
    assert usm.private_key("sha512", "aes256", b"maplesyrup", ENGINE) == usm.private_key(
        "sha512", "aes256c", b"maplesyrup", ENGINE
    )


def pair(auth=None, priv=None, **changes) -> tuple[usm.Engine, usm.Engine]:
    """Ours, and one that plays the device's side: what one closes the other opens."""
    user = SnmpUser("kasbah", auth, b"a password" if auth else b"", priv, b"b password")
    ours, theirs = usm.Engine(user, ENGINE), usm.Engine(user, ENGINE)
    theirs.boots, theirs.time, theirs.heard_at = 7, 1000, 1.0
    return ours, theirs


LEVELS = [(None, None), *((auth, None) for auth in AUTHS), *(("sha1", priv) for priv in PRIVS)]


@pytest.mark.parametrize(("auth", "priv"), LEVELS)
def test_what_is_closed_opens_again_and_tells_the_time(auth, priv):
    ours, theirs = pair(auth, priv)
    data = theirs.close(0x12345678, PDU, now=1.0)
    assert codec.peek_request_id(data) == 0x12345678
    opened = ours.open(data, now=50.0)
    _, community, start, stop = codec.decode_envelope(opened)
    assert (community, opened[start:stop]) == (b"", PDU)
    assert (ours.boots, ours.time) == ((7, 1000) if auth else (0, 0))
    assert (PDU in data) == (priv is None)


def test_the_digest_is_over_the_whole_message():
    ours, _ = pair("sha256")
    data = ours.close(0x12345678, PDU, now=1.0)
    key = usm.localised("sha256", usm.key_of("sha256", b"a password"), ENGINE)
    mac = data[data.index(b"kasbah") + 8 :][:24]
    blank = data.replace(mac, bytes(24))
    assert mac == hmac.digest(key, blank, "sha256")[:24]


@pytest.mark.parametrize("at", [10, 30, 60, 90, -1])
def test_one_octet_changed_on_the_way_is_seen(at):
    ours, theirs = pair("sha256", "aes128")
    data = bytearray(theirs.close(0x12345678, PDU, now=1.0))
    data[at] ^= 1
    with pytest.raises(Malformed):
        ours.open(bytes(data), now=50.0)


def test_an_old_answer_is_none_and_a_restarted_engine_is_believed():
    ours, theirs = pair("sha256")
    old = theirs.close(0x12345678, PDU, now=1.0)
    ours.open(theirs.close(0x12345678, PDU, now=201.0), now=50.0)
    assert ours.time == 1200
    with pytest.raises(Malformed, match="older than the time window"):
        ours.open(old, now=50.0)
    theirs.boots, theirs.time, theirs.heard_at = 8, 0, 1.0
    ours.open(theirs.close(0x12345678, PDU, now=1.0), now=60.0)
    assert (ours.boots, ours.time) == (8, 0)


@pytest.mark.parametrize(("asked", "answered"), [(("sha256", "aes128"), ("sha256", None)),
                                                 (("sha256", None), (None, None)),
                                                 ((None, None), ("sha256", None))])  # fmt: skip
def test_an_answer_that_is_not_secured_as_asked_is_not_taken(asked, answered):
    ours, _ = pair(*asked)
    _, theirs = pair(*answered)
    with pytest.raises(Malformed, match="not secured as the request was"):
        ours.open(theirs.close(0x12345678, PDU, now=1.0), now=2.0)


@given(st.binary(max_size=120))
def test_only_malformed_escapes_from_garbage(data):
    ours, theirs = pair("md5", "des")
    for read in (
        lambda: usm.engine_of(data),
        lambda: ours.open(data, now=2.0),
        lambda: ours.open(theirs.close(0x12345678, data, now=1.0), now=2.0),
    ):
        with contextlib.suppress(Malformed, usm.Report):
            read()
