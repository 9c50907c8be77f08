//! A Go process: its memory, threads, goroutines and stacks.
