//! What the program's code says of two accesses of one goroutine, for the judge in crate `race`.

use std::collections::HashMap;
use std::rc::Rc;

use goprogram::{Derivation, How, LinkAddr, Register};
use race::{Between, Code, Derived, Goroutine, Time, VarAccess};

use super::site::Site;
use crate::catch::Scene;
use crate::memory::RuntimeAddr;
use crate::target::Target;

type Access = VarAccess<Rc<Scene>>;

/// What is known of the code so far, and where goroutines have passed.
#[derive(Debug, Default)]
pub(super) struct ProgramCode {
    stretches: HashMap<(RuntimeAddr, RuntimeAddr), Option<Between>>,
    derivations: HashMap<(Vec<LinkAddr>, Vec<LinkAddr>), Option<Derivation>>,
    /// The read whose passes are to be seen.
    wanted: Option<Read>,
    /// The reads whose passes are seen.
    passed: Vec<Passed>,
}

/// A read, by where its instruction begins and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Read {
    start: RuntimeAddr,
    after: RuntimeAddr,
}

/// Who has passed a read.
#[derive(Debug)]
struct Passed {
    read: Read,
    since: Time,
    /// How often each goroutine has passed it after it last read the variable there.
    times: HashMap<Goroutine, u64>,
}

/// So many goroutines' passes, and so many pairs of places, are remembered; beyond that all are forgotten.
const REMEMBERED: usize = 1 << 14;

impl ProgramCode {
    /// The judge's view of it.
    pub(super) fn of<'a>(
        &'a mut self,
        target: &'a Target<'a>,
        sites: &'a HashMap<RuntimeAddr, Rc<Site>>,
    ) -> impl Code<Rc<Scene>> + use<'a> {
        Reader { code: self, target, sites }
    }

    /// A goroutine has touched the variable. If it read it where passes are seen, its last pass was that one.
    pub(super) fn touched(&mut self, access: &Access) {
        let is_it = |passed: &&mut Passed| pc(access) == Some(passed.read.after) && access.from > passed.since;
        if let Some(passed) = self.passed.iter_mut().find(is_it) {
            if passed.times.len() >= REMEMBERED {
                passed.times.clear();
            }
            passed.times.insert(access.goroutine, 0);
        }
    }

    /// Where the read begins whose passes would help.
    pub(super) fn wanted(&self) -> Option<RuntimeAddr> {
        self.wanted.map(|read| read.start)
    }

    /// They are seen from now on.
    pub(super) fn gets_passes(&mut self, since: Time) {
        let passed = self.wanted.take().map(|read| Passed { read, since, times: HashMap::new() });
        self.passed.extend(passed);
    }

    /// A goroutine passes the read that begins there.
    pub(super) fn passes(&mut self, start: RuntimeAddr, goroutine: Goroutine) {
        let passed = self.passed.iter_mut().find(|passed| passed.read.start == start);
        if let Some(times) = passed.and_then(|passed| passed.times.get_mut(&goroutine)) {
            *times += 1;
        }
    }

    /// They are seen no more.
    pub(super) fn stop_passes(&mut self) {
        self.wanted = None;
        self.passed.clear();
    }

    /// Passes may have been missed.
    pub(super) fn forget_passes(&mut self) {
        self.passed.iter_mut().for_each(|passed| passed.times.clear());
    }
}

/// Where an access's instruction ends.
fn pc(access: &Access) -> Option<RuntimeAddr> {
    access.scene.stack.first().map(|pc| pc.addr)
}

struct Reader<'a> {
    code: &'a mut ProgramCode,
    target: &'a Target<'a>,
    sites: &'a HashMap<RuntimeAddr, Rc<Site>>,
}

impl Reader<'_> {
    /// The stack as the program's file has it: where the instruction ends, then return addresses.
    fn stack(&self, access: &Access) -> Vec<LinkAddr> {
        access.scene.stack.iter().map(|pc| self.target.bias.to_link(pc.addr)).collect()
    }

    /// Whether the last time that the goroutine came by this read it read the variable, and nothing else.
    fn has_read_last(&mut self, read: &Access) -> bool {
        let Some(after) = pc(read) else { return false };
        let Some(access) = self.sites.get(&after).and_then(|site| site.access.as_ref()) else { return false };
        // At a fixed address it reads the same each time, and each time is seen.
        if matches!(access.base, None | Some(Register::Rip)) && access.index.is_none() {
            return true;
        }
        if let Some(passed) = self.code.passed.iter().find(|passed| passed.read.after == after) {
            return read.from > passed.since && passed.times.get(&read.goroutine) == Some(&0);
        }
        self.code.wanted = Some(Read { start: self.target.bias.to_runtime(access.start), after });
        false
    }
}

impl Code<Rc<Scene>> for Reader<'_> {
    fn stretch(&mut self, first: &Access, second: &Access) -> Option<Between> {
        let (first, second) = pc(first).zip(pc(second))?;
        let known = &mut self.code.stretches;
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let link = |pc| self.target.bias.to_link(pc);
        *known.entry((first, second)).or_insert_with(|| {
            Some(match self.target.program.stretch(link(first), link(second))? {
                goprogram::Between::Loads => Between::Loads,
                goprogram::Between::Nothing => Between::Nothing,
            })
        })
    }

    fn derivation(&mut self, read: &Access, stored: &Access) -> Option<Derived> {
        let stacks = (self.stack(read), self.stack(stored));
        let known = &mut self.code.derivations;
        if known.len() >= REMEMBERED {
            known.clear();
        }
        let look_up = |(read, stored): &(Vec<LinkAddr>, Vec<LinkAddr>)| self.target.program.derivation(read, stored);
        let Derivation { how, plus } = match known.get(&stacks) {
            Some(known) => *known,
            None => {
                let found = look_up(&stacks);
                known.insert(stacks, found);
                found
            }
        }?;
        // What the values say must agree with it.
        let size = self.sites.get(&pc(stored)?)?.access.as_ref()?.size;
        let unused = 64 - 8 * u32::try_from(size).unwrap_or(8).clamp(1, 8);
        if let (Some(plus), Some(before), Some(after)) = (plus, read.before, stored.after)
            && (before.wrapping_add_signed(plus) ^ after) << unused != 0
        {
            return None;
        }
        self.has_read_last(read).then_some(match how {
            How::Copied => Derived::Copied,
            How::Combined => Derived::Combined,
            How::Computed => Derived::Computed,
        })
    }
}
