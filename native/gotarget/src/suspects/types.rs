//! Map types that may be of the same map.

use std::collections::HashMap;

use crate::memory::RuntimeAddr;
use crate::target::Target;

/// The descriptors of map types that may be of one map: `type table map[int]int` and `map[int]int` have two.
pub(crate) struct MapTypes<'a> {
    target: &'a Target<'a>,
    /// The descriptor that the map is known by.
    wanted: Option<RuntimeAddr>,
    known: HashMap<RuntimeAddr, bool>,
}

impl<'a> MapTypes<'a> {
    pub(crate) fn new(target: &'a Target<'a>, wanted: Option<RuntimeAddr>) -> Self {
        MapTypes { target, wanted, known: HashMap::new() }
    }

    /// Whether a descriptor has the same keys and elems; always, where that of the map is not known.
    pub(crate) fn may_be(&mut self, descriptor: RuntimeAddr) -> bool {
        let Some(wanted) = self.wanted.filter(|wanted| *wanted != descriptor) else { return true };
        let target = self.target;
        *self.known.entry(descriptor).or_insert_with(|| {
            let Ok(layout) = target.program.abi_layout() else { return false };
            let part = |ty: RuntimeAddr, offset: u64| target.pointer(ty.plus(offset)).ok();
            [layout.map.key, layout.map.elem].into_iter().all(|offset| {
                let own = part(wanted, offset);
                own.is_some() && own == part(descriptor, offset)
            })
        })
    }
}
