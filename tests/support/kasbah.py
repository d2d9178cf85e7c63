"""A running Kasbah as a user starts it: a process of its own, watched through its API."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from agent.cli import main; main()"]
START_WITHIN_S = 40.0


@dataclass
class Running:
    """A process and where it answers."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def ready(self) -> bool:
        return bool(self.get("/health/ready").get("ready"))

    def get(self, path: str) -> Any:
        """The JSON of a path, whatever the status."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def text(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def post(self, path: str, body: Any = None) -> Any:
        data = json.dumps(body or {}).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    def wait(self, fact: Callable[[], Any], within_s: float, what: str) -> Any:
        """The first true result of `fact`. Fails, saying what was waited for."""
        deadline = time.monotonic() + within_s
        result: Any = None
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"kasbah ended with {self.process.returncode}")
            with contextlib.suppress(urllib.error.URLError, OSError):
                result = fact()
                if result:
                    return result
            time.sleep(0.1)
        raise AssertionError(f"not within {within_s} s: {what} (last: {result!r})")


@contextlib.contextmanager
def kasbah(*arguments: str, log: Path) -> Iterator[Running]:
    """Run `kasbah ARGUMENTS` until the block ends; SIGTERM must end it in good order."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT
        )
    try:
        yield Running(process, _url(process, log), log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        process.stdout.close()
    assert process.returncode == 0, log.read_text()[-2000:]


@contextlib.contextmanager
def killed(*arguments: str, log: Path) -> Iterator[Running]:
    """The same, but ended by kill -9."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT
        )
    try:
        yield Running(process, _url(process, log), log)
    finally:
        process.kill()
        process.wait(15)
        process.stdout.close()


def _url(process: subprocess.Popen[str], log: Path) -> str:
    """The address it prints when its API is bound."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if found := re.search(r"(http://\S+?)/api/v1/status", line):
            return found[1]
    raise AssertionError(f"kasbah said no address: {''.join(lines)}{log.read_text()}")


def call(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command of `kasbah` to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        **more,
    )


def samples(page: str, name: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of each sample of one metric on a page of metrics."""
    return [
        (dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value))
        for labels, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", page, re.MULTILINE)
    ]
