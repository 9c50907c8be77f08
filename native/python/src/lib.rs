//! The Python face of the core, for gdb and lldb.
