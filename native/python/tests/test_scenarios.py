"""Each of scenarios/ in every debugger: the same commands, and the same answers.

A scenario says in a line what it shows, then its scene, then what is typed after `> ` and what is answered.
What is typed after `classic> ` or `swiss> ` is only for maps of that kind.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from debugger import Debugger
from go_programs import Toolchain
from scene import SCENARIOS, Stage
from transcript import assert_answers, steps


@pytest.mark.parametrize("scenario", sorted(SCENARIOS.glob("*.txt")), ids=lambda scenario: scenario.stem)
def test_a_scenario_is_the_same_in_every_debugger(
    debugger: Debugger,
    go: Toolchain,
    scenario: Path,
    build: Callable[..., Path],
    started: ExitStack,
    tmp_path: Path,
) -> None:
    lines = scenario.read_text().splitlines()
    scene = Stage(debugger, build, started, tmp_path).set(lines[1].removeprefix("scene: "))
    prompts = {"> ": True, "classic> ": go.is_classic, "swiss> ": not go.is_classic}
    typed = [step for step in steps(lines[2:], tuple(prompts)) if prompts[step.prompt]]
    assert typed, "a scenario without commands"
    commands = [debugger.load, *scene.commands, *(step.command for step in typed)]
    answers = debugger.answers(scene.arguments, commands, scene.on_line)
    assert_answers(typed, answers[-len(typed) :])
