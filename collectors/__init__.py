"""Polls. SNMP and Modbus engines, request planning, scheduling, discovery, profiles."""
