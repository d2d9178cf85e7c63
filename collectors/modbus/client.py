"""The Modbus TCP client: one connection per gateway, units behind it in turn, errors for people.

Owns pooling and retries. Must not know profiles, points or what a register means. It can only read:
`codec` has no request that writes.

A gateway is a (host, port). Units behind it share its connection and take turns in the order in
which they asked; a request that timed out goes to the end of the queue before it is tried again,
and a unit that was silent last time is tried once only, so that a dead unit costs the others
little. When a connection cannot be made, everybody
who was already waiting for it gets the same answer at once, instead of one time-out each.

No task of its own: everything runs in the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass

from collectors.modbus import codec, failures
from collectors.modbus.gateway import Gateway
from collectors.modbus.link import Counters, Failure
from core.errors import Malformed, Unreachable

IDENTIFICATION_ANSWERS_MAX = 16
"""Bound on follow-up requests of one identification; the basic objects fit into one or two."""


@dataclass(frozen=True, slots=True)
class Target:
    """One unit behind a gateway, and how to treat it.

    `timeout_s` is for one try and for the connection; `retries` come on top of the first try.
    `in_flight` requests at a time and `pause_s` between two are the gateway's: the most careful
    unit behind it decides. Many field gateways answer only one request at a time.
    """

    host: str
    port: int = 502
    unit: int = 1
    timeout_s: float = 2.0
    retries: int = 1
    in_flight: int = 1
    pause_s: float = 0.0

    @property
    def gateway(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ModbusClient:
    """Reads from any number of devices; use one for the whole agent, on one event loop."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._gateways: dict[tuple[str, int], Gateway] = {}
        self._closed = False

    async def read(self, target: Target, fc: int, address: int, count: int) -> bytes:
        """Registers as big-endian bytes (functions 3, 4), bits packed from the lowest (1, 2).

        `address` is 0-based, as on the wire. Raises Unreachable, DeviceTimeout, Refused, Busy or
        Malformed, each with a sentence that says what to do; InvariantError for a function that
        does not read or a range that no request can have.
        """
        request = codec.ReadRequest(fc, address, count)
        pdu = await self._ask(target, request)
        try:
            answer = codec.decode_read(pdu, request)
        except Malformed as error:
            raise self._malformed(target, error) from error
        if isinstance(answer, bytes):
            return answer
        raise failures.refusal(target.unit, target.gateway, request, answer)

    async def identify(self, target: Target) -> dict[int, str]:
        """Basic identification: 0 vendor, 1 product code, 2 revision. Raises as `read` does.

        Refused where the device does not know function 43, which is common.
        """
        objects: dict[int, str] = {}
        request = codec.IdentifyRequest()
        for _ in range(IDENTIFICATION_ANSWERS_MAX):
            pdu = await self._ask(target, request)
            try:
                answer = codec.decode_identification(pdu, request)
            except Malformed as error:
                raise self._malformed(target, error) from error
            if isinstance(answer, codec.ExceptionAnswer):
                raise failures.refusal(target.unit, target.gateway, request, answer)
            for object_id, value in answer.objects.items():
                objects[object_id] = value.decode("utf-8", "replace").strip("\0 ")
            if answer.next_id is None or answer.next_id <= request.object_id:
                return objects
            request = codec.IdentifyRequest(object_id=answer.next_id)
        raise Malformed(f"unit {target.unit} at {target.gateway} never ends its identification")

    async def close(self) -> None:
        """Close every connection and wait until they are gone; nothing can be read after."""
        self._closed = True
        for gateway in self._gateways.values():
            await gateway.close()
        self._gateways.clear()

    async def _ask(self, target: Target, request: codec.Request) -> bytes:
        """The PDU of an answer. A read may be repeated without harm, so it is, `retries` times."""
        if self._closed:
            raise Unreachable(f"{target.gateway} is not read any more: the client was closed")
        gateway = self._gateway(target)
        allowed = 1 if target.unit in gateway.silent_units else 1 + target.retries
        tries = 0
        replaced = False
        while True:
            answer, reused = await self._try(gateway, target, request)
            if isinstance(answer, bytes):
                gateway.silent_units.discard(target.unit)
                return answer
            if isinstance(answer, Malformed):
                raise Malformed(f"{target.gateway} does not speak Modbus properly: {answer}")
            if answer is Failure.LOST and reused and not replaced:
                replaced = True  # it was closed while idle: no fault, and no try lost
                continue
            tries += 1
            if tries >= allowed or self._closed:
                if answer is Failure.TIMEOUT:
                    gateway.silent_units.add(target.unit)
                    raise failures.no_answer(target.unit, target.gateway, target.timeout_s, tries)
                raise failures.hung_up(target.gateway)

    async def _try(
        self, gateway: Gateway, target: Target, request: codec.Request
    ) -> tuple[bytes | Malformed | Failure, bool]:
        """One try, and whether it went over a connection that had worked before."""
        asked_at = gateway.now()
        await gateway.take_turn()
        try:
            try:
                link = await gateway.link(target.timeout_s, asked_at)
            except OSError as error:
                raise failures.unreachable(
                    target.host, target.gateway, error, target.timeout_s
                ) from error
            reused = link.answered
            return await link.exchange(target.unit, request, target.timeout_s), reused
        finally:
            gateway.end_turn()

    def _malformed(self, target: Target, error: Malformed) -> Malformed:
        self.counters.malformed += 1
        return Malformed(f"{target.gateway} does not speak Modbus properly: {error}")

    def _gateway(self, target: Target) -> Gateway:
        key = (target.host, target.port)
        gateway = self._gateways.get(key)
        if gateway is None:
            gateway = Gateway(target.host, target.port, self.counters)
            self._gateways[key] = gateway
        gateway.mind(target.unit, target.in_flight, target.pause_s)
        return gateway
