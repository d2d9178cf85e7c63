"""The sockets of all devices together: one SNMP engine, one Modbus TCP client, the serial lines.

Owns opening and closing them. Must not know devices or profiles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from collectors.modbus.client import ModbusClient
from collectors.snmp.client import SnmpClient

if TYPE_CHECKING:
    from collectors.modbus.serial import SerialClient


@dataclass(slots=True)
class Clients:
    """What sessions talk through. Belongs to the event loop it is first used on."""

    snmp: SnmpClient = field(default_factory=SnmpClient)
    modbus: ModbusClient = field(default_factory=ModbusClient)
    _serial: SerialClient | None = None

    @classmethod
    def open(cls) -> Self:
        """Clients that open their sockets when they are first used."""
        return cls()

    @property
    def serial(self) -> SerialClient:
        """The serial lines; what they need is loaded when the first one is asked for."""
        if self._serial is None:
            from collectors.modbus.serial import SerialClient  # noqa: PLC0415 - pymodbus is slow

            self._serial = SerialClient()
        return self._serial

    async def close(self) -> None:
        """End every request and close every socket."""
        self.snmp.close()
        await self.modbus.close()
        if self._serial is not None:
            await self._serial.close()
