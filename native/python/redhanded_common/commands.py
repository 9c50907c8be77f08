"""The commands under `gomap`, one class each: what they take, do and say, in whichever debugger.

The docstrings are the help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from . import options
from .catch import Catch
from .debugger import Debugger, Frame, Registers
from .failure import Failure
from .library import core
from .lines import Lines
from .stakeout import Lookout
from .words import split

HELP = """Look at Go maps, and catch those who race on them.

    gomap maps                            all map variables
    gomap print main.shared               a map, or any other value
    gomap get main.users "alice"          one entry of it
    gomap header main.shared              the map's header, decoded
    gomap check main.shared               whether it is damaged
    gomap locals                          the selected frame's locals, as Go writes them
    gomap watch main.shared --hold 5      both culprits of a race, caught
    gomap stakeout                        both, once the runtime ends the process for it
    gomap autopsy                         both, from a core of that end
    gomap goroutines                      all goroutines
    gomap threads                         who is inside which map right now
    gomap race                            the last report again

    Each has more to say: help gomap watch"""

EXPRESSION = """
    EXPR is a package variable (main.shared), a path from one (main.srv.users["alice"].roles[0]), an argument
    or local of the selected frame, *EXPR, or an address with its type ((map[int]string)0xc000012180)."""


class Scene(NamedTuple):
    """Where the user stands, as the core wants to know it."""

    frame: Frame | None
    #: The stopped threads, where the command needs them.
    threads: list[tuple[int, Registers]]
    #: The selected thread.
    current: int
    is_running: bool
    colour: bool


class Command:
    """What the commands share."""

    name = ""
    options: tuple[str, ...] = ("--json",)
    #: Whether an expression may come, and whether one must.
    takes_expression = False
    needs_expression = False
    #: Whether only maps make sense.
    maps_only = True

    def run(self, debugger: Debugger, argument: str) -> None:
        """Does it.

        Raises Failure, with one line that says what is wrong and what to do."""
        raise NotImplementedError

    def complete(self, debugger: Debugger, typed: str) -> list[str]:
        """What the last word may go on to be: an option, a variable, a field, a local of the frame."""
        if typed.startswith("-"):
            return [option for option in self.options if option.startswith(typed)]
        return debugger.completions(typed, self.maps_only) if self.takes_expression else []


def perform(command: Callable[[], Any]) -> Any:
    """Loads the core and does something with it, whose errors become failures."""
    native = core()
    try:
        return command()
    except native.Error as error:
        raise Failure(str(error)) from None


class Looking(Command):
    """The commands whose words and answers are the core's, the same as at the command line."""

    takes_expression = True
    needs_expression = True
    #: Whether it is about a frame.
    needs_frame = False
    #: Whether it makes a difference what the threads are doing.
    needs_threads = False
    #: Whether they must stand still.
    needs_stop = False

    def run(self, debugger: Debugger, argument: str) -> None:
        """Has the core answer."""
        words = split(argument)
        if self.needs_expression and not words:
            raise options.no_expression(f"gomap {self.name}")
        session, frame, current = debugger.session(), debugger.frame(), debugger.current()
        if self.needs_frame and frame is None:
            raise Failure(f"gomap {self.name}: a process that runs has no frames: interrupt it first")
        if self.needs_stop and debugger.is_running():
            raise Failure(f"gomap {self.name}: all threads run: interrupt the process first")
        with debugger.undisturbed():
            threads = debugger.threads() if self.needs_threads else []
            scene = Scene(frame, threads, current, debugger.is_running(), debugger.colour())
            try:
                session.run([self.name, *words], scene, debugger.write, debugger.breathe)
            except KeyboardInterrupt:
                raise Failure(f"gomap {self.name}: interrupted; what it has shown is not all") from None


class Print(Looking):
    __doc__ = f"""Print a map, exactly and fast, or any other Go value: gomap print EXPR [options]
{EXPRESSION}

        gomap print main.shared
        gomap print main.users --key "alice"
        gomap print main.users --where 'elem.Age > 30' --sort elem.Age --desc --limit 10
        gomap print main.users --count --where 'elem.Roles[0] == "admin"'

    --key KEY          only the entry with this key, written as in Go: 42, "alice", {{1, 2}}
    --where CONDITION  only such entries: key or elem, .Field and [index], then == != < <= > >= or ~
                       (contains, or matches a /regular expression/), then a value; several: all of them
    --sort PATH        by key, elem, or a path from one of them
    --desc             from large to small
    --limit N          at most so many entries
    --count            only how many there are
    --json, --csv      for programs: JSON, one line an entry and a last one on the map; or CSV
    --max-string BYTES, --max-items N, --depth N
                       how much of each value is shown

    What is wrong with the map, or may be since it is being changed, is said below its entries."""

    name = "print"
    options = (
        *("--key", "--where", "--sort", "--desc", "--limit", "--count", "--json", "--csv"),
        *("--max-string", "--max-items", "--depth"),
    )
    maps_only = False


class Get(Looking):
    __doc__ = f"""Look up one key of a map, as the program would: gomap get EXPR KEY [options]
{EXPRESSION}

        gomap get main.users "alice"
        gomap get main.scores 42
        gomap get main.grid {{1, 2}}

    KEY is written as in Go: 42, -1, 'x', 1.5, true, "alice", {{1, 2}}, Point{{X: 1}}, [1, 2]; for a map of
    interfaces with its type: int(42), string("alice"). The key's hash is computed as the runtime does, so
    that only the buckets or groups are read where it can be.

    --json             one JSON object
    --max-string BYTES, --max-items N, --depth N
                       how much of the value is shown"""

    name = "get"
    options = ("--json", "--max-string", "--max-items", "--depth")


class Header(Looking):
    __doc__ = f"""Show the header of a Go map, decoded: gomap header EXPR [--json]
{EXPRESSION}

        gomap header main.shared
        gomap header main.srv.cache

    Every field is shown with its meaning: flags by name, growth and how far it is, the shape. What
    contradicts itself is reported as damaged."""

    name = "header"


class Check(Looking):
    __doc__ = f"""Look for damage in a map, or in all maps: gomap check [EXPR] [--json]
{EXPRESSION}

        gomap check main.shared
        gomap check

    Every bucket or group is read and held against the hash of its keys. Each finding comes with its
    address and what it means."""

    name = "check"
    needs_expression = False
    needs_threads = True


class Maps(Looking):
    """List the program's map variables: gomap maps [PATTERN] [--json]

        gomap maps
        gomap maps main.

    Each with its type, length and shape, and whether it is being written right now. With PATTERN only
    those whose names contain it."""

    name = "maps"
    needs_expression = False


class Locals(Looking):
    """Print the selected frame's arguments and locals, as Go writes them: gomap locals [options]

    --json             one JSON object
    --max-string BYTES, --max-items N, --depth N
                       how much of each value is shown

    What the compiler no longer keeps at this instruction is said to be optimized out."""

    name = "locals"
    takes_expression = False
    needs_expression = False
    needs_frame = True
    options = ("--json", "--max-string", "--max-items", "--depth")
    maps_only = False


class Autopsy(Looking):
    """Say what the process ends of, and who the other goroutine was: gomap autopsy [--json]

        gomap autopsy

    After "fatal error: concurrent map ...", in a core of it or in a process that is held there: the map, the
    goroutine that found it used, all others ranked by what their stacks tell, every place in the program that
    can write the map, and a check of the map."""

    name = "autopsy"
    takes_expression = False
    needs_expression = False
    needs_threads = True
    needs_stop = True


class Listing(Command):
    """The commands that show all there is of something."""

    #: Whether there is nothing to show while the process runs.
    needs_threads = False

    def run(self, debugger: Debugger, argument: str) -> None:
        """Has the core look at all threads."""
        given = options.without_expression(options.parser(f"gomap {self.name}"), argument)
        session, current = debugger.session(), debugger.current()
        with debugger.undisturbed():
            threads = debugger.threads()
            if self.needs_threads and not threads:
                raise Failure(f"gomap {self.name}: all threads run: interrupt the process first")
            # The session's method has the command's name.
            look = getattr(session, self.name)
            Lines(debugger, given.json).show(look(threads, current))


class Goroutines(Listing):
    """List all goroutines: gomap goroutines [--json]

    Each with its number, its state and why it waits, the thread that runs it, where it is outside the
    runtime, and the `go` statement that created it. An asterisk marks the one that the selected thread
    runs. Works on cores too."""

    name = "goroutines"


class Threads(Listing):
    """Show which goroutine each thread runs, and in which map it is: gomap threads [--json]

    For a thread inside one of the runtime's map functions: which function, on which map, and who called
    it. Works on cores too."""

    name = "threads"
    needs_threads = True


class Watch(Command):
    """Catch two goroutines inside one map: gomap watch EXPR [options]

    Watches the map's flag byte while the process runs, and prints each access as it comes: when, which
    thread and goroutine, what it does to the byte, and the line of your program that called. When two
    goroutines are inside at the same time, at least one of them to write, the process stops with both held
    and both stacks are printed, before the runtime can end it.

        gomap watch main.shared --hold 5
        gomap watch main.srv.cache --hold 2 --for 30
        gomap watch main.shared --rescue --for 60

    --hold MS      pause each thread for up to MS milliseconds inside its window, so that another can walk
                   in; at most half of the time is spent so
    --count N      end after N accesses
    --for SECONDS  end after that time
    --rescue       keep a second writer waiting until the first has left, so that the process outlives its
                   own race, and go on to the next one; readers can't be rescued since Go 1.24
    --json         one JSON object a line

    Ctrl-C ends it. Then nothing is left behind. A debugger that is killed in the middle takes the
    process with it."""

    name = "watch"
    options = ("--hold", "--count", "--for", "--rescue", "--json")
    takes_expression = True

    def run(self, debugger: Debugger, argument: str) -> None:
        """Watches until something is caught or a limit is reached."""
        given, expression = options.with_expression(options.watch_parser(), argument)
        debugger.require_live(self.name)
        catch = Catch(debugger, debugger.session().watch(expression), given)
        try:
            catch.run()
        finally:
            Race.last = [catch.report] if catch.report else Race.last


class Stakeout(Command):
    """Wait until the runtime ends the process for a map, and name both: gomap stakeout [options]

    Lets the process run at full speed, with traps only where the runtime says "fatal error: concurrent map
    ...". The goroutine that comes there is held, so that the process does not die, and shown with its map and
    its stack; and so is whoever else is inside that map in the same instant. If nobody is, the map's flag
    byte is watched while all others run on, and everyone who uses the map meanwhile is shown. Then the
    process is left stopped, just before its end. Other fatal errors pass.

        gomap stakeout
        gomap stakeout --for 600 --wait 10

    --for SECONDS  end after that time if nothing happens
    --wait SECONDS
                   how long to watch who else uses the map (default 5; 0: not at all)
    --json         one JSON object a line

    Ctrl-C ends it. `gomap race` repeats what was found. A debugger that is killed in the middle takes the
    process with it."""

    name = "stakeout"
    options = ("--for", "--wait", "--json")

    def run(self, debugger: Debugger, argument: str) -> None:
        """Waits until somebody is caught or the time is up."""
        given = options.without_expression(options.stakeout_parser(), argument)
        debugger.require_live(self.name)
        lookout = Lookout(debugger, given)
        try:
            lookout.run()
        finally:
            Race.last = lookout.reports or Race.last


class Race(Command):
    """Print the last race report again: gomap race [--json]"""

    name = "race"
    #: What it consists of.
    last: ClassVar[list[Any]] = []

    def run(self, debugger: Debugger, argument: str) -> None:
        """Prints the report."""
        given = options.without_expression(options.parser("gomap race"), argument)
        if not Race.last:
            raise Failure(
                "no race has been caught yet: `gomap watch EXPR --hold 5` or `gomap stakeout` catches one"
            )
        for report in Race.last:
            Lines(debugger, given.json).show(report)


COMMANDS = (Print, Get, Header, Check, Maps, Locals, Watch, Stakeout, Autopsy, Goroutines, Threads, Race)
