"""SIGURG, by which Go's runtime interrupts its own threads all the time.

By itself lldb stops the process at each one. While the plugin is loaded it doesn't, but where the user has
said with `process handle` what to do.
"""

from __future__ import annotations

from collections.abc import Iterator

import lldb

SAID = "Redhanded: SIGURG, by which Go interrupts its own threads, no longer stops a process."

#: What lldb then lists: whether it is passed on, stops the process, is told.
QUIET = ["true", "false", "false"]

#: The targets that were looked at, with what their users had said; None is where those to come have theirs
#: from.
_before: list[tuple[lldb.SBTarget | None, list[str]]] = []

#: Those to come have theirs from here.
OURS_TO_COME = (None, [])


def quieten(debugger: lldb.SBDebugger) -> bool:
    """Lets SIGURG stop none of the processes that there are; nor, where there is none, those to come. Returns
    whether that is new."""
    is_new = False
    unseen = [target for target in _targets(debugger) if all(target != seen for seen, _ in _before)]
    for target in _selected(debugger, unseen):
        said = _setting(debugger)
        if said == QUIET and OURS_TO_COME in _before:
            said = []
        if not said:
            _handle(debugger, "-p true -s false -n false")
            is_new = True
        _before.append((target, said))
    return is_new


def restore(debugger: lldb.SBDebugger) -> None:
    """Puts back what was changed, but for what the user has said since."""
    # With `-d` lldb clears the setting for targets to come as well.
    clear = "-c -d" if OURS_TO_COME in _before else "-c"
    for target in _selected(debugger, _targets(debugger)):
        now, before = _setting(debugger), next((said for seen, said in _before if seen == target), [])
        _handle(debugger, clear)
        if now and (before or now != QUIET):
            _handle(debugger, "-p {} -s {} -n {}".format(*now))
    _before.clear()


def _targets(debugger: lldb.SBDebugger) -> list[lldb.SBTarget | None]:
    """All targets; if there is none, only None."""
    return [debugger.GetTargetAtIndex(at) for at in range(debugger.GetNumTargets())] or [None]


def _selected(
    debugger: lldb.SBDebugger, targets: list[lldb.SBTarget | None]
) -> Iterator[lldb.SBTarget | None]:
    """The targets, each while it is selected: `process handle` goes by that."""
    before = debugger.GetSelectedTarget()
    for target in targets:
        if target is not None:
            debugger.SetSelectedTarget(target)
        yield target
    if before.IsValid():
        debugger.SetSelectedTarget(before)


def _setting(debugger: lldb.SBDebugger) -> list[str]:
    """What was said for the selected target; nothing if that is lldb's own."""
    for line in _handle(debugger, "-t").splitlines():
        words = line.split()
        if words[:1] == ["SIGURG"]:
            return words[1:4]
    return []


def _handle(debugger: lldb.SBDebugger, options: str) -> str:
    result = lldb.SBCommandReturnObject()
    debugger.GetCommandInterpreter().HandleCommand(f"process handle {options} SIGURG", result)
    return result.GetOutput() or ""
