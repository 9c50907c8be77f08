"""The one exception of the plugins."""


class Failure(Exception):
    """What went wrong and what to do about it, in one line; the debugger's own error is made of it."""
