"""What the plugins for gdb and lldb have in common: no debugger is imported here."""
