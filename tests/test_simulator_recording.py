"""Recordings of real devices, replayed."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.snmp.ber import COUNTER64, IP_ADDRESS, OCTET_STRING, OID
from core.errors import ConfigError, KasbahError
from simulator.mib import Variable, parse_oid, sorted_oids
from simulator.recording import Recording, RecordingServer, parse_line

CAPTURES = Path(__file__).parents[1].parent / "shared" / "captures"

LINES = """\
1.3.6.1.2.1.1.1.0|4|A device, with | bars
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.318.1
1.3.6.1.2.1.1.3.0|67|12345
1.3.6.1.2.1.2.2.1.6.1|4x|00c0b7ff01
1.3.6.1.2.1.4.20.1.1.10|64|10.1.2.3
1.3.6.1.2.1.31.1.1.1.6.1|70|18446744073709551615
1.3.6.1.2.1.33.1.2.6.0|2|-35
1.3.6.1.2.1.33.1.2.7.0|66|22
no line at all
1.3.6.1.2.1.33.1.2.8.0|2|warm
1.3.6.1.2.1.33.1.2.9.0|99|1
1.3.6.1.2.1.33.1.2.10.0|65|-1
"""


@pytest.fixture
def recorded(tmp_path):
    path = tmp_path / "device.snmprec"
    path.write_text(LINES)
    return Recording.load(path)


def value(recording, oid):
    return recording.mib.get(parse_oid(oid))


def test_every_kind_of_value_is_kept(recorded):
    assert value(recorded, "1.3.6.1.2.1.1.1.0") == Variable(OCTET_STRING, b"A device, with | bars")
    assert value(recorded, "1.3.6.1.2.1.1.2.0") == Variable(OID, "1.3.6.1.4.1.318.1")
    mac = bytes.fromhex("00c0b7ff01")
    assert value(recorded, "1.3.6.1.2.1.2.2.1.6.1") == Variable(OCTET_STRING, mac)
    assert value(recorded, "1.3.6.1.2.1.4.20.1.1.10") == Variable(IP_ADDRESS, "10.1.2.3")
    assert value(recorded, "1.3.6.1.2.1.31.1.1.1.6.1") == Variable(COUNTER64, 2**64 - 1)
    assert value(recorded, "1.3.6.1.2.1.33.1.2.6.0").value == -35


def test_odd_lines_are_left_out_and_counted(recorded):
    assert recorded.skipped == 4
    assert len(recorded) == 8


def test_a_file_without_any_object_is_refused(tmp_path):
    path = tmp_path / "notes.snmprec"
    path.write_text("nothing here\n")
    with pytest.raises(ConfigError, match="no line of the form"):
        Recording.load(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        Recording.load(tmp_path / "absent.snmprec")


@given(st.text(alphabet="0123456789.|x- abcdef", max_size=60))
def test_no_line_brings_more_than_a_value_error(line):
    try:
        oid, variable = parse_line(line)
    except ValueError:
        return
    assert len(oid) > 1
    assert isinstance(variable.tag, int)


@pytest.mark.skipif(shutil.which("snmpbulkwalk") is None, reason="needs net-snmp's tools")
async def test_a_walk_of_a_recording_gives_what_was_recorded(recorded):
    server = RecordingServer(recorded)
    port = await server.start("127.0.0.1", 0)
    walk = ["snmpbulkwalk", "-v2c", "-c", "anything", "-On", "-Oe", f"127.0.0.1:{port}", ".1"]
    done = await asyncio.to_thread(subprocess.run, walk, capture_output=True, text=True, check=True)
    server.close()
    lines = [line for line in done.stdout.splitlines() if " = " in line and "MIB tree" not in line]
    names = [parse_oid(line.split(" = ")[0]) for line in lines]
    assert names == sorted_oids(recorded.mib)
    assert ".1.3.6.1.2.1.33.1.2.6.0 = INTEGER: -35" in lines
    assert ".1.3.6.1.2.1.4.20.1.1.10 = IpAddress: 10.1.2.3" in lines


async def test_a_taken_port_is_named(recorded):
    first, second = RecordingServer(recorded), RecordingServer(recorded)
    port = await first.start("127.0.0.1", 0)
    with pytest.raises(KasbahError, match=f"{port} .snmp, device.snmprec. cannot be opened"):
        await second.start("127.0.0.1", port)
    first.close()


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="needs the captures of ../shared")
def test_nearly_every_line_of_real_recordings_is_used():
    used = skipped = 0
    for path in sorted(CAPTURES.glob("*.snmprec")):
        recording = Recording.load(path)
        used, skipped = used + len(recording), skipped + recording.skipped
        assert sorted_oids(recording.mib), path.name
    assert used > 20_000
    assert skipped / used < 0.002
