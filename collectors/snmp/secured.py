"""How SNMPv3 devices are asked: who is there, and in whose name; and what their reports mean for
people. Knows messages, must not know sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from collectors.snmp import usm
from collectors.snmp.codec import Version
from collectors.snmp.usm import Engine, Login, Reported
from core.site import SnmpUser


class Question(Protocol):
    """What can be asked: `Template` and the two requests of a walk."""

    def request(self, version: Version, community: bytes, request_id: int) -> bytes:
        """The datagram that asks it."""
        ...


class Closed(Question, Protocol):
    """A question whose answer is to be opened before it can be read."""

    @property
    def advice(self) -> str:
        """What to do where there is no answer, as the end of a sentence."""
        ...

    def open(self, data: bytes, request_id: int) -> bytes:
        """The answer as v2c would give it. Raises Malformed for what is to be dropped, Reported
        where the engine says why not."""
        ...


@dataclass(frozen=True, slots=True)
class Discovery:
    """Who are you? The answer comes as it is."""

    time: Callable[[], float]

    @property
    def advice(self) -> str:
        return "check the address, that SNMPv3 is enabled there, and the device's access list"

    def request(self, version: Version, community: bytes, request_id: int) -> bytes:  # noqa: ARG002 - v3 only
        return usm.discovery(request_id)

    def open(self, data: bytes, request_id: int) -> bytes:  # noqa: ARG002 - some report another one
        Engine.discovered(data, self.time())
        return data


@dataclass(frozen=True, slots=True)
class Sealed:
    """Another question, asked in the name of a user."""

    question: Question
    login: Login
    time: Callable[[], float]

    @property
    def advice(self) -> str:
        user = self.login.user
        if self.login.heard:
            return "check the network, and whether it is switched on"
        if user.context:
            return (
                f"it tells its engine id but gives user '{user.name}' no answer: has it a context "
                f"'{user.context}', and are the protocols right?"
            )
        if user.priv:
            return (
                f"it tells its engine id but gives user '{user.name}' no answer: wrong privacy "
                f"password or protocol (asked with {user.priv})?"
            )
        return (
            f"it tells its engine id but gives user '{user.name}' no answer: check the user there, "
            "its protocols and the device's access list"
        )

    def request(self, version: Version, community: bytes, request_id: int) -> bytes:  # noqa: ARG002 - v3 only
        plain = self.question.request(Version.V2C, b"", request_id)
        return self.login.seal(request_id, plain, self.time())

    def open(self, data: bytes, request_id: int) -> bytes:
        return self.login.open(data, request_id, self.time())


@dataclass(slots=True)
class Adjustments:
    """What was learnt of an engine while one thing is asked: each at most once, or it would never
    end."""

    clock: bool = False
    identity: bool = False

    def possible(self, report: Reported) -> bool:
        """Whether there is something to be adjusted, and to be asked again."""
        if report.oid == usm.NOT_IN_TIME_WINDOW and report.authenticated:
            again, self.clock = self.clock, True
        elif report.oid in _ANOTHER_ENGINE:
            again, self.identity = self.identity, True
        else:
            again = True
        return not again


_ANOTHER_ENGINE: Final = frozenset({usm.NOT_IN_TIME_WINDOW, usm.UNKNOWN_ENGINE})


def refusal(login: Login, report: Reported) -> str:
    """Why a device does not let a user in and what to do, as the end of a sentence."""
    user, oid = login.user, report.oid
    name = f"user '{user.name}'"
    if oid in _ANOTHER_ENGINE:
        if login.engine.latched:
            return "has started as often as SNMPv3 can count: set up its SNMPv3 anew"
        return (
            "answers each request with another clock or engine id: do two devices have one "
            "address, or does it restart again and again?"
        )
    if oid == usm.UNKNOWN_USER:
        return f"does not know the {name}: check the name, and that the user is enabled there"
    if oid == usm.WRONG_DIGEST:
        return (
            f"says that the authentication password or protocol of {name} is wrong "
            f"(asked with {user.auth})"
        )
    if oid == usm.DECRYPTION_ERROR:
        who = "what it sends cannot be decrypted" if report.authenticated else "it cannot decrypt"
        return f"has another privacy password or protocol for {name} than {user.priv}: {who}"
    if oid == usm.UNSUPPORTED_LEVEL:
        return _level(user)
    if oid == usm.UNKNOWN_CONTEXT:
        return f"has no context '{user.context}': check `context`"
    return f"does not answer {name} but reports {oid}"


def _level(user: SnmpUser) -> str:
    if user.priv:
        return (
            f"offers user '{user.name}' no {user.level}: it has no privacy for this user, or does "
            f"not know {user.auth} or {user.priv}"
        )
    if user.auth:
        return (
            f"offers user '{user.name}' no {user.level}: it has no authentication for this user, "
            "or wants privacy, too"
        )
    return f"wants user '{user.name}' to authenticate: add auth and auth_key_file"
