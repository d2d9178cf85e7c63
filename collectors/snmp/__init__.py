"""SNMP: codec (pure), client (sockets)."""
