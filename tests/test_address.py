"""Addresses as people write them, right and wrong."""

from __future__ import annotations

import re

import pytest

from collectors.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("snmp://10.1.1.1", Address("snmp", "10.1.1.1", 161)),
        ("snmp://ups-a1.plant:1161/", Address("snmp", "ups-a1.plant", 1161)),
        ("snmp://[fe80::1%eth0]:1161", Address("snmp", "fe80::1%eth0", 1161)),
        ("modbus://10.1.1.1/7", Address("modbus", "10.1.1.1", 502, 7)),
        ("MODBUS://[2001:db8::1]:1502/255", Address("modbus", "2001:db8::1", 1502, 255)),
        ("modbus+rtu:///dev/ttyS0/3", Address("modbus+rtu", "/dev/ttyS0", 0, 3, 9600)),
        (
            "modbus+rtu:///dev/serial/by-id/usb-1?baud=19200/12",
            Address("modbus+rtu", "/dev/serial/by-id/usb-1", 0, 12, 19200),
        ),
    ],
)
def test_an_address_is_read_and_written_alike(text, expected):
    assert parse_address(text) == expected
    assert parse_address(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("http://10.1.1.1", "unknown address scheme 'http'"),
        ("10.1.1.1", "is no address: use snmp://, modbus:// or modbus+rtu://"),
        ("snmp://", "write snmp://HOST"),
        ("snmp://10.1.1.1:0", "0 is no port"),
        ("snmp://10.1.1.1:70000", "70000 is no port"),
        ("snmp://10.1.1.1/public", "nothing follows the host"),
        ("snmp://fe80::1", "no host and port"),
        ("modbus://10.1.1.1", "names no unit: write modbus://HOST/UNIT"),
        ("modbus://10.1.1.1/300", "'300' is no Modbus unit"),
        ("modbus://10.1.1.1/x", "'x' is no Modbus unit"),
        ("modbus+rtu:///dev/ttyS0", "write modbus+rtu:///dev/ttyS0?baud=9600/UNIT"),
        ("modbus+rtu:///dev/ttyS0?speed=9600/1", "'speed=9600' is not understood"),
        ("modbus+rtu://dev/ttyS0/1", "write modbus+rtu:///dev/ttyS0"),
    ],
)
def test_a_wrong_address_says_what_to_write(text, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        parse_address(text)
