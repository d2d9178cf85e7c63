"""The worked example of docs/profiles.md: its files are those in tests/devices, its commands print
what the page says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulator.recording import Recording, RecordingServer
from tests.support.kasbah import COMMAND, ROOT
from tests.test_devices import DEVICES

PAGE = (ROOT / "docs" / "profiles.md").read_text()
EXAMPLE = PAGE.split("## A device that nobody knows yet", 1)[1].split("\n## ", 1)[0]
DEVICE, SIMULATED = "10.10.1.50:161", "127.0.0.1:1161"


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what stands behind that, and its text."""

    language: str
    label: str
    text: str


BLOCKS = [
    Block(*found)
    for found in re.findall(r"^```(\w+) ?(.*)\n((?:.*\n)*?)```$", EXAMPLE, re.MULTILINE)
]
FILES = {block.label: block.text for block in BLOCKS if block.language != "console"}


def test_the_page_shows_the_files_that_are_tested():
    for name in ("acme-thermo.snmprec", "acme-thermo.json"):
        assert FILES[name] == (DEVICES / name).read_text()
    assert FILES["profiles/acme-thermo.yaml"] == (DEVICES / "acme-thermo.yaml").read_text()


@contextlib.asynccontextmanager
async def device(folder: Path) -> AsyncIterator[int]:
    """The device of the example; gives its port."""
    path = folder / "device.snmprec"
    path.write_text(FILES["acme-thermo.snmprec"])
    server = RecordingServer(Recording.load(path))
    try:
        yield await server.start("127.0.0.1", 0)
    finally:
        server.close()


@contextlib.asynccontextmanager
async def simulated(folder: Path) -> AsyncIterator[int]:
    """The recording of the example, served as the page says; gives its port."""
    words = ("simulate", "acme-thermo.snmprec", "--port", "0")
    process = await started(words, folder)
    try:
        line = await process.stdout.readline()
        yield int(line.decode().rpartition(":")[2])
    finally:
        process.terminate()
        await process.communicate()


async def test_every_command_of_the_page_prints_what_the_page_says(tmp_path: Path):
    profile = tmp_path / "profiles" / "acme-thermo.yaml"
    profile.parent.mkdir()
    commands = 0
    async with contextlib.AsyncExitStack() as stack:
        addresses = {DEVICE: await stack.enter_async_context(device(tmp_path))}
        for block in BLOCKS:
            path = tmp_path / block.label
            if block.label == "acme-thermo.snmprec":
                assert path.read_text() == block.text, "what `kasbah record` wrote"
                addresses[SIMULATED] = await stack.enter_async_context(simulated(tmp_path))
            elif block.language != "console":
                path.write_text(block.text)
            else:
                if block.label == "wrong":
                    right = profile.read_text()
                    profile.write_text(right.replace("probe.temperature", "probe.warmth"))
                assert await printed(block.text, addresses, tmp_path) == block.text
                if block.label == "wrong":
                    profile.write_text(right)
                commands += 1
    assert commands == 6


async def printed(console: str, addresses: Mapping[str, int], folder: Path) -> str:
    """The command of a block and all that it prints, as if at the addresses of the page."""
    command = console.splitlines()[0].removeprefix("$ kasbah ")
    line = command.replace(f"//{DEVICE.rpartition(':')[0]}", f"//{DEVICE}")
    for shown, port in addresses.items():
        line = line.replace(shown, f"127.0.0.1:{port}")
    process = await started(shlex.split(line), folder)
    out = (await process.communicate())[0].decode()
    for shown, port in addresses.items():
        out = out.replace(f"127.0.0.1:{port}", shown)
    return f"$ kasbah {command}\n{out}"


async def started(words: Iterable[str], folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )


@pytest.mark.parametrize("word", ["kasbah record", "--profiles", "sentinels", "tests/devices"])
def test_the_example_teaches_what_is_needed(word):
    assert word in EXAMPLE
