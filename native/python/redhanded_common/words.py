"""What is typed after a command, as words."""

from __future__ import annotations

import re

#: These take a condition or a path, which never is a string by itself: quotes around it are a shell's.
QUOTED = ("--where", "--sort")

CLOSING = {"(": ")", "[": "]", "{": "}"}

#: 'x', '\n', '\u00e9': a key, where anything else between such quotes is a word with spaces in it.
RUNE = re.compile(r"'(?:[^\\]|\\.[^']*)'")


def split(text: str) -> list[str]:
    """The words, where those in brackets or quotes stay together: `main.m["a b"]` is one, and so is
    `(map[string]chan int)0xc000012180`. Double quotes stay, they belong to a Go string."""
    words, word, open_until, quote = [], "", [], ""
    escaped = False
    for character in re.sub(r"\)\s+(?=0[xX])", ")", text):
        if quote:
            ends = character == quote and not escaped
            escaped = character == "\\" and not escaped and quote != "`"
            quote = "" if ends else quote
        elif character in "\"'`":
            quote = character
        elif character in CLOSING:
            open_until.append(CLOSING[character])
        elif open_until and character == open_until[-1]:
            open_until.pop()
        elif character.isspace() and not open_until:
            words.append(word)
            word = ""
            continue
        word += character
    return _unquoted([word for word in [*words, word] if word])


def _unquoted(words: list[str]) -> list[str]:
    made: list[str] = []
    for word in words:
        option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        of = option or (made[-1] if made else "")
        if _is_in(value, "'") and not RUNE.fullmatch(value):
            value = value[1:-1]
        elif of in QUOTED and _is_in(value, '"'):
            value = value[1:-1].replace('\\"', '"')
        made.append(f"{option}{equals}{value}")
    return made


def _is_in(text: str, quote: str) -> bool:
    return (
        len(text) > 2 and text[0] == text[-1] == quote and quote not in text[1:-1].replace(f"\\{quote}", "")
    )
