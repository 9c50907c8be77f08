//! The chores of the project: demo, test, ci, matrix.

fn main() {}
