"""Modbus TCP and SunSpec: codec (pure), client (sockets)."""
