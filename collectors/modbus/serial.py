"""Modbus RTU on a serial line, by pymodbus, behind the same calls as the TCP client.

Owns the lines: one at a time talks on each, with the silence between frames that the standard
demands. Must not know profiles, points or what a register means. Only calls that read are used.

RTU has no transaction ids, so an answer that comes too late could pass for that to the next request
of the same unit. After a unit was silent the line is therefore left alone for `QUIET_S`, and what
comes in that time is thrown away.

Source: MODBUS over Serial Line Specification V1.02, section 2.5.1.1 (3.5 characters of silence;
1.75 ms above 19200 baud).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Literal

from pymodbus.client import AsyncModbusSerialClient
from pymodbus.exceptions import ConnectionException, ModbusException, ModbusIOException
from pymodbus.pdu import ModbusPDU

from collectors.modbus import codec
from collectors.modbus.failures import no_answer, refusal
from core.errors import Malformed, Unreachable

BITS_PER_CHARACTER = 11
SILENT_CHARACTERS = 3.5
SILENCE_S_MIN = 0.00175
QUIET_S = 0.25


@dataclass(frozen=True, slots=True)
class SerialTarget:
    """One unit on a serial line. Speed, parity, time-out and retries are the line's: those of the
    unit that is read first count."""

    line: str
    unit: int = 1
    baud: int = 9600
    parity: Literal["N", "E", "O"] = "N"
    timeout_s: float = 2.0
    retries: int = 1


class SerialClient:
    """Reads from any number of lines; use one for the whole agent, on one event loop."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        # Failures are raised to us and logged where they change something; pymodbus would write
        # each of them to stderr as well.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

    async def read(self, target: SerialTarget, fc: int, address: int, count: int) -> bytes:
        """As `ModbusClient.read`, with the same errors."""
        request = codec.ReadRequest(fc, address, count)
        answer = await self._ask(target, request)
        if fc in {codec.COILS, codec.DISCRETE_INPUTS}:
            bits = answer.bits[:count]
            size = (count + 7) // 8
            return sum(bit << i for i, bit in enumerate(bits)).to_bytes(size, "little")
        if len(answer.registers) != count:
            raise Malformed(
                f"unit {target.unit} on {target.line} gives {len(answer.registers)} registers for"
                f" {count}"
            )
        return b"".join(register.to_bytes(2, "big") for register in answer.registers)

    async def identify(self, target: SerialTarget) -> dict[int, str]:
        """As `ModbusClient.identify`, of the first answer, which holds the basic objects."""
        answer = await self._ask(target, codec.IdentifyRequest())
        information: dict[int, bytes] = getattr(answer, "information", {})
        return {
            object_id: bytes(value).decode("utf-8", "replace").strip("\0 ")
            for object_id, value in information.items()
        }

    async def close(self) -> None:
        """Close every line."""
        for line in self._lines.values():
            line.close()
        self._lines.clear()

    async def _ask(self, target: SerialTarget, request: codec.Request) -> ModbusPDU:
        line = self._lines.get(target.line)
        if line is None:
            line = self._lines[target.line] = _Line(target)
        answer = await line.ask(target.unit, request)
        if answer.isError():
            exception = codec.ExceptionAnswer(request.fc, answer.exception_code)
            raise refusal(target.unit, target.line, request, exception)
        return answer


class _Line:
    """One serial line. Requests wait for one another."""

    def __init__(self, target: SerialTarget) -> None:
        self._target = target
        self._turn = asyncio.Lock()
        characters_s = SILENT_CHARACTERS * BITS_PER_CHARACTER / target.baud
        self._silence_s = max(SILENCE_S_MIN, characters_s)
        self._client = AsyncModbusSerialClient(
            target.line,
            baudrate=target.baud,
            parity=target.parity,
            timeout=target.timeout_s,
            retries=target.retries,
            reconnect_delay=0,
        )

    async def ask(self, unit: int, request: codec.Request) -> ModbusPDU:
        """What the unit answers, exceptions included."""
        line = self._target
        async with self._turn:
            if not self._client.connected and not await self._client.connect():
                raise Unreachable(
                    f"the serial line {line.line} cannot be opened: does it exist, is it free, and"
                    " may this user use it (group dialout)?"
                )
            try:
                await asyncio.sleep(self._silence_s)
                return await self._call(unit, request)
            except ConnectionException as error:
                raise Unreachable(f"the serial line {line.line} went away: {error}") from error
            except ModbusIOException as error:
                await asyncio.sleep(QUIET_S)
                raise no_answer(unit, line.line, line.timeout_s, 1 + line.retries) from error
            except ModbusException as error:
                raise Malformed(f"unit {unit} at {line.line}: {error}") from error

    async def _call(self, unit: int, request: codec.Request) -> ModbusPDU:
        if isinstance(request, codec.IdentifyRequest):
            return await self._client.read_device_information(
                read_code=request.code, object_id=request.object_id, device_id=unit
            )
        calls = {
            codec.COILS: self._client.read_coils,
            codec.DISCRETE_INPUTS: self._client.read_discrete_inputs,
            codec.HOLDING_REGISTERS: self._client.read_holding_registers,
            codec.INPUT_REGISTERS: self._client.read_input_registers,
        }
        return await calls[request.fc](request.address, count=request.count, device_id=unit)

    def close(self) -> None:
        self._client.close()
