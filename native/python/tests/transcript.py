"""Transcripts: what is typed and what is said, held against what a debugger really says.

What differs from run to run is scrubbed on both sides. In what is expected, `…` stands for anything in its
line, and alone in a line for any number of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

#: What is scrubbed, and what stands for it.
SCRUBBED = (
    (re.compile(r"\b0x[0-9a-f]+\b"), "0x…"),
    (re.compile(r"\bGo 1\.\d+(\.\d+)?\b"), "Go V"),
    (re.compile(r"\b([Gg]oroutine|[Tt]hread|process) \d+\b"), r"\1 N"),
    (re.compile(r"\b\d+\.\d+ ?(ns|µs|ms|s)\b"), r"N \1"),
    (re.compile(r'"go":"[^"]*"'), '"go":"V"'),
    # Columns are as wide as what was in them.
    (re.compile(r"(?<=\S) {2,}"), "  "),
)


class Step(NamedTuple):
    """What is typed after a prompt, and what is to be said."""

    prompt: str
    command: str
    expected: list[str]


def scrubbed(line: str) -> str:
    """A line without what differs from run to run."""
    for pattern, instead in SCRUBBED:
        line = pattern.sub(instead, line)
    return line.rstrip()


def steps(lines: Sequence[str], prompts: tuple[str, ...]) -> Iterator[Step]:
    """The steps of a transcript. What is said before the first prompt counts for nothing."""
    step: Step | None = None
    for line in lines:
        prompt = next((prompt for prompt in prompts if line.startswith(prompt)), None)
        if prompt is not None:
            if step is not None:
                yield step
            step = Step(prompt, line.removeprefix(prompt).strip(), [])
        elif step is not None:
            step.expected.append(line)
    if step is not None:
        yield step


def assert_answers(typed: Sequence[Step], answers: Sequence[Sequence[str]]) -> None:
    """Fails if any answer is not the expected one."""
    wrong = [
        f"{step.prompt}{step.command}\n" + "\n".join(map(scrubbed, answer))
        for step, answer in zip(typed, answers, strict=True)
        if not matches(step.expected, answer)
    ]
    assert not wrong, "other answers than expected:\n\n" + "\n\n".join(wrong)


def matches(expected: Sequence[str], said: Sequence[str]) -> bool:
    """Whether what is said is what is expected."""
    wanted = [line.rstrip() for line in _stripped(expected)]
    pattern = "".join(_of_line(line) for line in wanted)
    text = "".join(f"{scrubbed(line)}\n" for line in _stripped(said))
    return re.fullmatch(pattern, text) is not None


def _of_line(line: str) -> str:
    if line.strip() == "…":
        return r"(?:[^\n]*\n)*?"
    # What is scrubbed has such a mark itself: there it stands for itself as well as for anything.
    return "[^\n]*".join(re.escape(part) for part in scrubbed(line).split("…")) + r"\n"


def _stripped(lines: Sequence[str]) -> list[str]:
    """Without empty lines at the beginning and the end."""
    made = list(lines)
    while made and not made[0].strip():
        del made[0]
    while made and not made[-1].strip():
        del made[-1]
    return made
