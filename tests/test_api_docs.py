"""The commands of docs/api.md work, and the answers shown are those given."""

import asyncio
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.support.api import FakeServices, make_app, served

PAGE = Path(__file__).parents[1] / "docs" / "api.md"


def examples() -> list[tuple[str, str]]:
    """Each command of the page with the answer under it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, answer = re.match(r"((?:[^\n]*\\\n)*[^\n]*\n)(.*)", part, re.DOTALL).groups()
            found.append((command.strip(), answer.strip()))
    return found


def shown_in(shown: object, given: object) -> bool:
    """Whether the shortened answer agrees with the whole one."""
    if isinstance(shown, dict):
        return isinstance(given, dict) and all(
            key in given and shown_in(value, given[key]) for key, value in shown.items()
        )
    if isinstance(shown, list) and shown and isinstance(shown[0], dict):
        return all(any(shown_in(one, other) for other in given) for one in shown)
    return shown == given


def test_the_page_has_its_examples():
    assert len(examples()) > 10


@pytest.mark.parametrize(("command", "answer"), examples())
async def test_the_command_gives_the_answer_shown(command, answer):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    async with served(make_app(FakeServices())) as url:
        command = command.replace("http://localhost:8080", url)
        process = await asyncio.create_subprocess_shell(
            command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        output, complaint = await process.communicate()
    text = output.decode()
    assert not complaint
    if answer.startswith("{"):
        assert shown_in(json.loads(answer), json.loads(text)), text
    else:
        assert [line for line in answer.splitlines() if line not in text.splitlines()] == []


def test_shortened_answers_are_compared_by_what_they_show():
    assert shown_in({"a": [{"b": 1}]}, {"a": [{"b": 2}, {"b": 1, "c": 3}], "d": 4})
    assert not shown_in({"a": [{"b": 3}]}, {"a": [{"b": 2}]})
    assert not shown_in({"a": [1]}, {"a": [1, 2]})
    assert not shown_in({"x": 1}, {})
