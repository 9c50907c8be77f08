//! A Go process that has told what there is to see in it, and waits.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use goprogram::Program;
use gotarget::stack::Names;
use gotarget::{LiveMemory, LoadBias, Target};
use serde_json::Value;
use tempfile::TempDir;

use crate::toolchain::{self, Go};

/// The type of the entry in a process's auxiliary vector that holds the address of its first instruction
/// (`AT_ENTRY`, include/uapi/linux/auxvec.h).
const AT_ENTRY: u64 = 9;

/// A process of a program under test. It is gone when this is dropped.
pub(crate) struct Process {
    child: Child,
    program: Program,
    bias: LoadBias,
    memory: LiveMemory,
    names: Names,
    /// What it printed, a JSON object a line.
    pub(crate) told: Vec<Value>,
    _folder: TempDir,
}

impl Process {
    /// Builds and starts a program, and waits until it is ready.
    pub(crate) fn start(go: &Go, name: &str, arguments: &[&str]) -> Self {
        Self::start_with(go, name, arguments, &[])
    }

    /// As [`Process::start`], with more environment variables.
    pub(crate) fn start_with(go: &Go, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let (folder, file) = toolchain::build(go, name, arguments);
        let mut command = Command::new(&file);
        command.envs(environment.iter().copied());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut told = Vec::new();
        let mut is_ready = false;
        for line in output.lines() {
            let line = line.unwrap();
            is_ready = line == "ready";
            if is_ready {
                break;
            }
            told.push(serde_json::from_str(&line).unwrap());
        }
        if !is_ready {
            panic!("{go} {name} ended by itself: {}", child.wait().unwrap());
        }
        // Not earlier: in the middle of exec, a process has nothing to be read yet.
        let memory = LiveMemory::of(child.id().cast_signed()).unwrap();
        let program = Program::open(&file).unwrap();
        let bias = load_bias(child.id(), &program);
        Process { child, program, bias, memory, names: Names::default(), told, _folder: folder }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn target(&self) -> Target<'_> {
        Target { program: &self.program, bias: self.bias, memory: &self.memory, names: &self.names }
    }

    /// Lets it end, which it must do well: nobody has harmed it.
    pub(crate) fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How far a process was moved: by the address of its first instruction.
fn load_bias(pid: u32, program: &Program) -> LoadBias {
    let vector = std::fs::read(Path::new("/proc").join(pid.to_string()).join("auxv")).unwrap();
    let (words, _) = vector.as_chunks();
    let words: Vec<u64> = words.iter().copied().map(u64::from_le_bytes).collect();
    let entry = words.chunks_exact(2).find(|pair| pair[0] == AT_ENTRY).unwrap()[1];
    LoadBias(entry - program.symbol("_rt0_amd64_linux").unwrap().addr.0)
}
