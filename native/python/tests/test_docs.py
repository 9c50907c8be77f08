"""What the pages of docs/ on the debuggers show is what these say.

After a comment `<!-- scene: … -->` a page's transcripts are replayed there, in one session. One after
`<!-- scenario: … -->` shows something that never comes twice in the same way: it is held against the answers
of that scenario, which is itself played elsewhere.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest
from debugger import Debugger
from go_programs import ROOT, Toolchain
from scene import SCENARIOS, Stage
from transcript import Step, assert_answers, steps


class Block(NamedTuple):
    """A transcript, and what was said before it."""

    comment: str
    steps: list[Step]


def blocks(page: str, prompt: str) -> Iterator[Block]:
    """All transcripts of a page."""
    comment, lines = "", []
    for line in [*page.splitlines(), "The end."]:
        if line.startswith("    ") or (lines and not line.strip()):
            lines.append(line.removeprefix("    "))
            continue
        if any(line.startswith(prompt) for line in lines):
            yield Block(comment, list(steps(lines, (prompt,))))
        lines = []
        if found := re.fullmatch(r"<!-- (scen.*) -->", line):
            comment = found[1]


@pytest.mark.newest
def test_a_page_shows_what_the_debugger_says(
    debugger: Debugger,
    go: Toolchain,
    build: Callable[..., Path],
    started: ExitStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs/src" / debugger.page).read_text()
    shown = list(blocks(page, debugger.prompt))
    assert len(shown) > 5
    for comment, group in groupby(shown, key=lambda block: block.comment):
        kind, _, what = comment.partition(": ")
        typed = [step for block in group for step in block.steps]
        if kind == "scenario":
            expected = list(steps((SCENARIOS / f"{what}.txt").read_text().splitlines(), ("> ", "swiss> ")))
            expected = expected[: len(typed)]
            assert [step.command for step in typed] == [step.command for step in expected]
            assert_answers(expected, [step.expected for step in typed])
        else:
            scene = Stage(debugger, build, started, tmp_path).set(what)
            load = [] if typed[0].command.endswith("redhanded.py") else [debugger.load]
            commands = [*load, *scene.commands, *(step.command for step in typed)]
            answers = debugger.answers(scene.arguments, commands, scene.on_line)
            assert_answers(typed, answers[-len(typed) :])
