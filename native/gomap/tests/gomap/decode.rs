//! Decoding takes any bytes, and says in words what the flag byte, the growth and the shape are.

use crate::common::{CLASSIC, HEADER, HEAP, SWISS, classic_bytes};
use gomap::{ClassicBits, ClassicHeader, ClassicLayout, Error, Growth, Header, Layout, Shape, Tables};
use proptest::prelude::*;

const LAYOUTS: [Layout; 2] = [Layout::Classic(CLASSIC), Layout::Swiss(SWISS)];

#[test]
fn flags_are_named_as_go_names_them() {
    let [classic, swiss] = LAYOUTS;
    assert_eq!(classic.describe_flags(0), "0");
    assert_eq!(classic.describe_flags(5), "iterator|hashWriting");
    assert_eq!(classic.describe_flags(0x4f), "iterator|oldIterator|hashWriting|sameSizeGrow|0x40");
    assert_eq!(swiss.describe_flags(0), "0");
    assert_eq!(swiss.describe_flags(1), "writing");
    assert_eq!(swiss.describe_flags(3), "writing|0x2");
}

#[test]
fn a_layout_knows_its_flag_byte() {
    assert_eq!(LAYOUTS.map(|layout| layout.size()), [48, 48]);
    assert_eq!(LAYOUTS.map(|layout| layout.flag_offset()), [8, 34]);
    assert_eq!(LAYOUTS.map(|layout| layout.writing_bit()), [4, 1]);
}

#[test]
fn a_growing_classic_map_says_how_far_it_has_got() {
    let mut header = ClassicHeader {
        count: 420,
        flags: 4,
        b: 7,
        noverflow: 0,
        hash0: 1,
        buckets: HEAP,
        oldbuckets: HEAP + 0x8000,
        nevacuate: 37,
        clear_seq: None,
        extra: 0,
        bits: ClassicBits::GO,
    };
    let decode = |header: &ClassicHeader| Header::decode(&Layout::Classic(CLASSIC), &classic_bytes(header)).unwrap();
    let doubling = decode(&header);
    assert_eq!(doubling.growth(), Growth::Doubling { evacuated: 37, old_buckets: 64 });
    assert_eq!(doubling.growth().to_string(), "doubling: first 37 of 64 old buckets evacuated");
    assert_eq!(doubling.shape(), Shape::ClassicBuckets { buckets: 128 });
    assert!(doubling.is_writing());
    assert_eq!(doubling.len(), 420);

    header.flags = 8;
    let same_size = decode(&header);
    assert_eq!(same_size.growth(), Growth::SameSize { evacuated: 37, old_buckets: 128 });
    assert!(!same_size.is_writing());
}

#[test]
fn a_classic_map_counts_clears_since_go_1_24() {
    // src/runtime/map_noswiss.go has clearSeq between nevacuate and extra.
    let layout = ClassicLayout { size: 56, clear_seq: Some(40), extra: 48, ..CLASSIC };
    let mut bytes = [0; 56];
    bytes[40] = 3;
    bytes[48] = 8;
    let Header::Classic(header) = Header::decode(&Layout::Classic(layout), &bytes).unwrap() else { unreachable!() };
    assert_eq!((header.clear_seq, header.extra), (Some(3), 8));
}

#[test]
fn too_few_bytes_name_the_first_field_they_lack() {
    assert_eq!(
        Header::decode(&Layout::Classic(CLASSIC), &[0; 33]),
        Err(Error::TooShort { field: "nevacuate", needs: 40, have: 33 })
    );
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), mapped: bool) {
        for layout in LAYOUTS {
            match Header::decode(&layout, &bytes) {
                Ok(header) => {
                    prop_assert!(bytes.len() >= 48);
                    for finding in header.findings(HEADER, &mut |_, _| mapped) {
                        prop_assert!(!finding.to_string().contains('\n'));
                    }
                    let _ = (header.len(), header.growth().to_string(), header.shape().to_string());
                }
                Err(_) => prop_assert!(bytes.len() < 48),
            }
        }
    }

    #[test]
    fn random_tables_never_panic(
        header in prop::collection::vec(any::<u8>(), 48),
        dir_len in 0i64..40_000,
        memory in prop::collection::vec(any::<u8>(), 32..128),
        readable in 0u64..80_000,
    ) {
        let Header::Swiss(mut header) = Header::decode(&Layout::Swiss(SWISS), &header).unwrap() else {
            unreachable!()
        };
        header.dir_len = dir_len;
        let mut left = readable;
        let tables = Tables::read(&header, &SWISS, &mut |address, len| {
            left = left.checked_sub(1)?;
            let start = address as usize % memory.len();
            Some(memory.iter().cycle().skip(start).take(len as usize).copied().collect())
        });
        prop_assert!(tables.entries <= dir_len as u64);
        let _ = tables.findings(&header, HEADER, &mut |_, _| true);
    }

    #[test]
    fn layouts_with_wild_offsets_are_an_error(offset in 48u64..) {
        let mut layout = CLASSIC;
        layout.extra = offset;
        prop_assert!(Header::decode(&Layout::Classic(layout), &[0; 48]).is_err());
    }
}
