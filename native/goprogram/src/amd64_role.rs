//! What a value that was read from memory is for: found by following it through the next instructions.

use iced_x86::{Code as Opcode, FlowControl, Instruction, InstructionInfoFactory, Mnemonic, OpKind};

use crate::amd64::{Code, Place, Role, reads, writes};

/// How many instructions to follow, on all paths together. Go's compiler keeps the load, the change and
/// the store of `flags ^= hashWriting` next to each other; a check is followed by its branch.
const INSTRUCTIONS: usize = 48;

/// What became of a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Unknown,
    Tested,
    StoredBack,
}

/// The role of a read that `instruction` makes.
pub(crate) fn of_read(code: &Code<'_>, instruction: &Instruction) -> Role {
    match instruction.mnemonic() {
        Mnemonic::Test if is_nil_check(instruction) => return Role::NilCheck,
        Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Bt => return Role::Check,
        Mnemonic::Mov | Mnemonic::Movzx | Mnemonic::Movsx | Mnemonic::Movsxd => {}
        _ => return Role::Other,
    }
    let mut values = Registers::default();
    values.insert(instruction.op0_register());
    let mut follower =
        Follower { code, place: Place::of(instruction), factory: InstructionInfoFactory::new(), left: INSTRUCTIONS };
    let path = Path { next: instruction.next_ip(), values, changed: Registers::default(), flags: false, tested: false };
    match follower.follow(path) {
        Fate::StoredBack => Role::ToggleLoad,
        Fate::Tested => Role::Check,
        Fate::Unknown => Role::Other,
    }
}

/// Whether it is `TESTB AX, (reg)`, which Go's compiler uses for this and for nothing else (`LoweredNilCheck` in
/// src/cmd/compile/internal/amd64/ssa.go).
fn is_nil_check(instruction: &Instruction) -> bool {
    instruction.code() == Opcode::Test_rm8_r8
        && instruction.op0_kind() == OpKind::Memory
        && instruction.op1_register() == iced_x86::Register::AL
}

/// A set of general-purpose registers, each with all its parts.
#[derive(Clone, Copy, Default)]
struct Registers(u16);

impl Registers {
    fn bit(register: iced_x86::Register) -> u16 {
        let full = register.full_register();
        if full.is_gpr() { 1u16.checked_shl(u32::try_from(full.number()).unwrap_or(u32::MAX)).unwrap_or(0) } else { 0 }
    }

    fn insert(&mut self, register: iced_x86::Register) {
        self.0 |= Registers::bit(register);
    }

    fn remove(&mut self, register: iced_x86::Register) {
        self.0 &= !Registers::bit(register);
    }

    fn contains(self, register: iced_x86::Register) -> bool {
        self.0 & Registers::bit(register) != 0
    }
}

/// One way through the code.
#[derive(Clone, Copy)]
struct Path {
    /// The next instruction.
    next: u64,
    /// The registers that hold the value, or what was computed from it.
    values: Registers,
    /// Those of them in which it was changed.
    changed: Registers,
    /// Whether the flags tell of the value.
    flags: bool,
    /// Whether something has depended on those flags.
    tested: bool,
}

struct Follower<'a> {
    code: &'a Code<'a>,
    place: Place,
    factory: InstructionInfoFactory,
    left: usize,
}

impl Follower<'_> {
    fn follow(&mut self, mut path: Path) -> Fate {
        loop {
            let next = self.code.instructions_from(path.next).next();
            let Some(instruction) = next.filter(|_| self.left > 0) else {
                return path.end();
            };
            self.left -= 1;
            if self.stores_back(&path, &instruction) {
                return Fate::StoredBack;
            }
            self.step(&mut path, &instruction);
            path.next = match instruction.flow_control() {
                FlowControl::Next => instruction.next_ip(),
                FlowControl::UnconditionalBranch => instruction.near_branch_target(),
                FlowControl::ConditionalBranch => {
                    let taken = self.follow(Path { next: instruction.near_branch_target(), ..path });
                    let not_taken = self.follow(Path { next: instruction.next_ip(), ..path });
                    return taken.max(not_taken);
                }
                // After a call or a return no register holds the value.
                _ => return path.end(),
            };
            if path.values.0 == 0 && !path.flags {
                return path.end();
            }
        }
    }

    fn stores_back(&self, path: &Path, instruction: &Instruction) -> bool {
        instruction.mnemonic() == Mnemonic::Mov
            && instruction.op0_kind() == OpKind::Memory
            && instruction.op1_kind() == OpKind::Register
            && path.changed.contains(instruction.op1_register())
            && Place::of(instruction) == self.place
    }

    /// Follows the value through one instruction.
    fn step(&mut self, path: &mut Path, instruction: &Instruction) {
        let used = self.factory.info(instruction).used_registers();
        let takes_value = used.iter().any(|used| reads(used.access()) && path.values.contains(used.register()));
        let takes_changed = used.iter().any(|used| reads(used.access()) && path.changed.contains(used.register()));
        let copies = matches!(instruction.mnemonic(), Mnemonic::Mov | Mnemonic::Movzx);
        if path.flags && instruction.rflags_read() != 0 {
            path.tested = true;
        }
        if instruction.rflags_modified() != 0 {
            path.flags = takes_value;
        }
        for used in used.iter().filter(|used| writes(used.access())) {
            let register = used.register();
            path.values.remove(register);
            path.changed.remove(register);
            if self.place.depends_on(register) {
                // The same operand is now another place: it can't be seen any more whether the value is stored back.
                path.changed = Registers::default();
                path.values = Registers::default();
            } else if takes_value {
                path.values.insert(register);
                if !copies || takes_changed {
                    path.changed.insert(register);
                }
            }
        }
    }
}

impl Path {
    fn end(&self) -> Fate {
        if self.tested { Fate::Tested } else { Fate::Unknown }
    }
}
