"""How what is typed after a command is divided into words."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "native" / "python"))

from redhanded_common.words import split

TYPED = {
    "": [],
    "  main.shared   --json ": ["main.shared", "--json"],
    'main.users["a b"].roles[0] --json': ['main.users["a b"].roles[0]', "--json"],
    "(map[string]chan int)0xc000 --json": ["(map[string]chan int)0xc000", "--json"],
    "(map[int]string) 0xc000": ["(map[int]string)0xc000"],
    'main.users "alice"': ["main.users", '"alice"'],
    "main.users '\"alice\"'": ["main.users", '"alice"'],
    'main.users "it\'s"': ["main.users", '"it\'s"'],
    r'main.users "a \" b"': ["main.users", r'"a \" b"'],
    "main.runes 'x'": ["main.runes", "'x'"],
    r"main.runes '\n'": ["main.runes", r"'\n'"],
    "main.grid {1, 2}": ["main.grid", "{1, 2}"],
    "main.grid Point{X: 1, Y: 2} --json": ["main.grid", "Point{X: 1, Y: 2}", "--json"],
    "main.m --where 'elem.Age > 30'": ["main.m", "--where", "elem.Age > 30"],
    'main.m --where "elem.Age > 30"': ["main.m", "--where", "elem.Age > 30"],
    "main.m --where='elem.Age > 30'": ["main.m", "--where=elem.Age > 30"],
    "main.m --where 'elem.Name == \"x y\"'": ["main.m", "--where", 'elem.Name == "x y"'],
    'main.m --key "a b"': ["main.m", "--key", '"a b"'],
    "'main.shared'": ["main.shared"],
    "main.m `raw string`": ["main.m", "`raw string`"],
    "*main.server": ["*main.server"],
    "main.m[": ["main.m["],
    "main.m] --json": ["main.m]", "--json"],
    '"never closed': ['"never closed'],
}


@pytest.mark.parametrize(("typed", "words"), TYPED.items(), ids=TYPED)
def test_brackets_and_quotes_keep_words_together(typed: str, words: list[str]) -> None:
    assert split(typed) == words
