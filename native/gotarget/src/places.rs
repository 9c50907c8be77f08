//! Every place in the program that can write a map which a package variable leads to.

use std::collections::HashMap;

use goprogram::{LinkAddr, MapCall, Origin, Root};
use race::Kind;

use crate::argument;
use crate::memory::RuntimeAddr;
use crate::stack::Pc;
use crate::suspects::MapTypes;
use crate::target::Target;
use crate::threads::kind_of;

/// A place in the program that can write the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it does.
    pub kind: Kind,
    /// The call of the map function; then the calls through which the map, or what leads to it, gets there.
    pub calls: Vec<Pc>,
}

/// The places in the program that can write a map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Those that are known to, in the order of their addresses.
    pub list: Vec<Place>,
    /// Others that write maps of its type, and the code doesn't tell which; package main's first.
    pub others: Vec<Place>,
    /// How many write maps of any type: generic code and package reflect.
    pub any_type: u64,
}

/// Through so many functions that pass the map on, it is followed.
const HOPS: usize = 2;

/// So many functions are followed at once.
const MOST: usize = 512;

/// A write that is followed back to where its map comes from.
struct Way<'a> {
    write: &'a MapCall,
    /// Instructions after calls.
    calls: Vec<LinkAddr>,
    /// The function that was given the map.
    function: LinkAddr,
    origin: Origin,
}

/// The places that can write the map with this header, given the descriptor of its type, as the code and memory tell
/// now.
#[must_use]
pub fn of(target: &Target<'_>, header: RuntimeAddr, descriptor: Option<RuntimeAddr>) -> Places {
    let mut types = MapTypes::new(target, descriptor);
    let mut found = HashMap::<LinkAddr, Place>::new();
    let mut others = HashMap::new();
    let mut places = Places::default();
    let mut ways = Vec::new();
    for write in target.program.map_calls().iter().filter(|call| call.function.write) {
        let Some(kind) = kind_of(write.function.kind) else { continue };
        match write.descriptor {
            Some(descriptor) if !types.may_be(target.bias.to_runtime(descriptor)) => continue,
            None => {
                places.any_type += 1;
                continue;
            }
            Some(_) => {}
        }
        others.insert(write.ret, Place { kind, calls: vec![pc(target, write.ret)] });
        let Some(origin) = &write.map else { continue };
        let way = Way { write, calls: vec![write.ret], function: write.caller, origin: origin.clone() };
        ways.extend(settle(target, header, kind, way, &mut found, &mut others));
    }
    for _ in 0..HOPS {
        ways.truncate(MOST);
        let wanted: Vec<(LinkAddr, Origin)> = ways.iter().map(|way| (way.function, way.origin.clone())).collect();
        let mut next = Vec::new();
        for passed in target.program.passed(&wanted) {
            let Some(origin) = passed.origin else { continue };
            for way in ways.iter().filter(|way| way.function == passed.callee) {
                let Some(kind) = kind_of(way.write.function.kind) else { continue };
                let calls = way.calls.iter().copied().chain([passed.ret]).collect();
                let way = Way { write: way.write, calls, function: passed.caller, origin: origin.clone() };
                next.extend(settle(target, header, kind, way, &mut found, &mut others));
            }
        }
        ways = next;
    }
    places.others = in_order(others);
    // The linker puts a package behind those that it imports: the program's own come first so.
    places.others.reverse();
    places.list = in_order(found);
    places
}

fn in_order(places: HashMap<LinkAddr, Place>) -> Vec<Place> {
    let mut list: Vec<Place> = places.into_values().collect();
    list.sort_by_key(|place| place.calls.first().map(|pc| pc.addr));
    list
}

fn pc(target: &Target<'_>, ret: LinkAddr) -> Pc {
    Pc { addr: target.bias.to_runtime(ret), cfa: RuntimeAddr(0), is_return: true }
}

/// Takes a way that has come to a package variable; one that comes from a parameter is given back.
fn settle<'a>(
    target: &Target<'_>,
    header: RuntimeAddr,
    kind: Kind,
    way: Way<'a>,
    found: &mut HashMap<LinkAddr, Place>,
    others: &mut HashMap<LinkAddr, Place>,
) -> Option<Way<'a>> {
    let Root::Static(root) = way.origin.root else { return Some(way) };
    let leads = argument::follow(target, &way.origin, target.bias.to_runtime(root).0);
    let direct = way.calls.len() == 1;
    if leads == Some(header.0) {
        let calls = way.calls.iter().map(|ret| pc(target, *ret)).collect();
        found.entry(way.write.ret).or_insert(Place { kind, calls });
        others.remove(&way.write.ret);
    } else if direct && leads.is_some() {
        // It is known to be another map.
        others.remove(&way.write.ret);
    }
    None
}
