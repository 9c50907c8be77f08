//! Hashes as Go itself computed them, and keys of any shape.

use proptest::prelude::*;

use crate::common::{CLASSIC, SWISS};
use crate::heap::{CLASSIC_SLOTS, Heap, SWISS_SLOTS};
use gomap::{
    DynamicKey, HashStyle, Hasher, KeyField, KeyMaterial, KeyShape, KeyTypes, Layout, MapView, NoTypes, Overlay, Slots,
    Source, find,
};

const SEED: u64 = 0x0123_4567_89ab_cdef;
const HASHKEY: [u64; 4] = [0x1111_1111_1111_1111, 0x2222_2222_2222_2223, 0x3333_3333_3333_3335, 0x4444_4444_4444_4447];

/// The bytes that were hashed: 0, 7, 14 …
fn data() -> Vec<u8> {
    (0..1024u32).map(|i| (i * 7) as u8).collect()
}

fn aes() -> KeyMaterial {
    KeyMaterial::aes(&std::array::from_fn(|i| i as u8))
}

/// The hash of a string of so many of the bytes.
fn memhash(material: &KeyMaterial, len: u64) -> u64 {
    let data = data();
    let source = Heap::default();
    let source = Overlay::new(&source, &data);
    let hasher = Hasher::new(material.clone(), KeyShape::String, HashStyle::Runs).unwrap();
    let string = [Overlay::address(0).to_le_bytes(), len.to_le_bytes()].concat();
    hasher.hash(&string, SEED, &source, &NoTypes).unwrap()
}

/// The hash of an integer of so many bytes, the second and following ones.
fn word(material: &KeyMaterial, size: u64) -> u64 {
    let hasher = Hasher::new(material.clone(), KeyShape::Memory { size }, HashStyle::Runs).unwrap();
    hasher.hash(&data()[1..=size as usize], SEED, &Heap::default(), &NoTypes).unwrap()
}

/// `memhash` of the first bytes, `memhash32` and `memhash64` after the first byte, printed by a Go program that had
/// set `runtime.aeskeysched` to 0, 1, 2 … and `runtime.hashkey` to the words above.
struct Known {
    material: KeyMaterial,
    memhash: [(u64, u64); 14],
    words: [u64; 2],
}

#[test]
fn hashes_are_those_that_go_computed() {
    let known = [
        Known {
            material: aes(),
            memhash: [
                (0, 0x493f_0547_5c1c_3dae),
                (1, 0xd475_8b54_9e63_d4b0),
                (3, 0x01f2_b265_cd91_2f6d),
                (8, 0x96b4_2a30_52e3_58fd),
                (16, 0xa741_d7b8_59b5_cd02),
                (17, 0xf1f0_f3b6_32f3_4196),
                (33, 0xd266_7bcf_b869_080f),
                (48, 0xaf5a_d950_06fa_e4a4),
                (64, 0xd1b8_a916_2c25_e6a4),
                (65, 0x2997_4a91_44cf_64f0),
                (128, 0xab7e_078c_4b1f_fcc2),
                (129, 0xa70e_c617_db29_d107),
                (256, 0x4780_9f11_e995_593a),
                (1000, 0xea87_52b2_0846_04a4),
            ],
            words: [0x9398_aec3_7d39_a26b, 0x1a6c_9ba8_9a5c_a0c2],
        },
        // Since Go 1.23.
        Known {
            material: KeyMaterial::wyhash(HASHKEY, false),
            memhash: [
                (0, 0x1032_5476_98ba_dcfe),
                (1, 0x9ba4_fa05_048d_1653),
                (3, 0xfe57_1538_ad13_9017),
                (8, 0x9c2a_c6bd_0c5e_c8fd),
                (16, 0x2634_e1eb_7c80_0933),
                (17, 0xed46_b1a7_e47d_9b42),
                (33, 0x187b_e538_2179_00ba),
                (48, 0xca25_3f66_be37_10f6),
                (64, 0x47ea_f58f_6d08_5ee7),
                (65, 0xeb14_4f1d_a926_2f5f),
                (128, 0x7dbb_f88a_ace8_e598),
                (129, 0x5b88_709b_3663_661e),
                (256, 0x4fb7_9d8b_130c_08fa),
                (1000, 0xcafc_8a39_69b1_2a01),
            ],
            words: [0x6ced_8cb8_c1c9_d58f, 0xad86_1394_92b8_9d79],
        },
        // Up to Go 1.22.
        Known {
            material: KeyMaterial::wyhash(HASHKEY, true),
            memhash: [
                (0, 0xb044_4912_e007_b8d1),
                (1, 0xc45a_0cf9_a51f_0cc7),
                (3, 0x3215_c361_3fb5_79f5),
                (8, 0xb378_2e95_c6a3_c1eb),
                (16, 0xbb0b_3afd_2d07_3747),
                (17, 0xfef4_1639_786a_4a33),
                (33, 0x3401_e36c_0511_eae1),
                (48, 0x0312_28de_8fc1_b441),
                (64, 0x47f9_fde1_c947_26ed),
                (65, 0x6783_79f3_bc42_d995),
                (128, 0x9966_c6c5_ecef_987d),
                (129, 0x1dac_ae15_0c86_7cd3),
                (256, 0xfd17_b4df_ef9e_a521),
                (1000, 0x99c5_8b4f_79e9_8e0d),
            ],
            words: [0xdda3_7848_ed17_d787, 0xa367_9189_780f_4a93],
        },
    ];
    for Known { material, memhash: known, words } in known {
        for (len, hash) in known {
            assert_eq!(memhash(&material, len), hash, "{len} bytes");
        }
        assert_eq!([word(&material, 4), word(&material, 8)], words);
    }
}

#[test]
fn zero_has_one_hash_and_nan_none() {
    let hasher = Hasher::new(aes(), KeyShape::Float { size: 8 }, HashStyle::Signature).unwrap();
    let heap = Heap::default();
    let hash = |float: f64| hasher.hash(&float.to_le_bytes(), SEED, &heap, &NoTypes);
    assert_eq!(hash(0.0), hash(-0.0));
    assert!(hash(1.0).is_some() && hash(f64::NAN).is_none());
    let equal = |a: f64, b: f64| hasher.equal(&a.to_le_bytes(), &b.to_le_bytes(), &heap, &NoTypes);
    assert_eq!((equal(0.0, -0.0), equal(1.0, 1.0), equal(1.0, 2.0)), (Some(true), Some(true), Some(false)));
    assert_eq!(equal(f64::NAN, f64::NAN), Some(false));
}

#[test]
fn what_cannot_be_compared_has_no_hasher() {
    let slice = KeyShape::Unhashable { size: 24 };
    let field = KeyField { offset: 0, blank: false, shape: slice.clone() };
    let structure = KeyShape::Struct { fields: vec![field], size: 24 };
    for shape in [slice, structure] {
        assert!(Hasher::new(aes(), shape.clone(), HashStyle::Runs).is_none());
        assert!(!DynamicKey::new(shape, false).is_hashable());
    }
}

/// Every descriptor describes an interface that holds itself.
struct Endless;

impl KeyTypes for Endless {
    fn dynamic(&self, _descriptor: u64) -> Option<std::rc::Rc<DynamicKey>> {
        Some(std::rc::Rc::new(DynamicKey::new(KeyShape::Interface { empty: true }, false)))
    }
}

/// Memory that has the same word everywhere.
struct Same(u64);

impl Source for Same {
    fn read(&self, _addr: u64, buf: &mut [u8]) -> bool {
        buf.iter_mut().zip(self.0.to_le_bytes().into_iter().cycle()).for_each(|(byte, other)| *byte = other);
        true
    }
}

#[test]
fn interfaces_inside_each_other_come_to_an_end() {
    let hasher = Hasher::new(aes(), KeyShape::Interface { empty: true }, HashStyle::Runs).unwrap();
    let key = [1; 16];
    assert_eq!(hasher.hash(&key, SEED, &Same(0x1000), &Endless), None);
    assert_eq!(hasher.equal(&key, &key, &Same(0x1000), &Endless), None);
}

/// Types of keys without memory of their own elsewhere.
fn shapes() -> impl Strategy<Value = KeyShape> {
    let leaf = prop_oneof![
        prop::sample::select(vec![1u64, 2, 4, 8, 3, 16]).prop_map(|size| KeyShape::Memory { size }),
        prop::sample::select(vec![4u64, 8]).prop_map(|size| KeyShape::Float { size }),
        prop::sample::select(vec![8u64, 16]).prop_map(|size| KeyShape::Complex { size }),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            (inner.clone(), 0u64..40).prop_map(|(elem, len)| KeyShape::Array { elem: Box::new(elem), len }),
            prop::collection::vec((inner, any::<bool>(), 0u64..5), 0..5).prop_map(|parts| {
                let mut size = 0;
                let mut fields = Vec::new();
                // The compiler pads no structure of one field.
                let most = if parts.len() == 1 { 1 } else { 4 };
                for (shape, blank, padding) in parts {
                    let field = KeyField { offset: size, blank: blank && padding == 4, shape };
                    size += field.shape.size() + padding % most;
                    fields.push(field);
                }
                KeyShape::Struct { fields, size }
            }),
        ]
    })
}

proptest! {
    #[test]
    fn keys_that_are_equal_have_one_hash(shape in shapes(), byte: u8, other: u8, styled: bool) {
        let style = if styled { HashStyle::Runs } else { HashStyle::Signature };
        let size = shape.size() as usize;
        prop_assume!(size <= 1 << 16);
        let hasher = Hasher::new(aes(), shape, style).unwrap();
        let heap = Heap::default();
        let (a, b) = (vec![byte & 0x3f; size], vec![other & 0x3f; size]);
        let hash = |key: &[u8]| hasher.hash(key, SEED, &heap, &NoTypes).unwrap();
        if hasher.equal(&a, &b, &heap, &NoTypes).unwrap() {
            prop_assert_eq!(hash(&a), hash(&b));
        }
    }

    #[test]
    fn a_lookup_in_nonsense_ends(header in prop::collection::vec(any::<u8>(), 48), memory: u64, hash: u64, swiss: bool) {
        let (layout, slots): (Layout, Slots) =
            if swiss { (Layout::Swiss(SWISS), SWISS_SLOTS) } else { (Layout::Classic(CLASSIC), CLASSIC_SLOTS) };
        struct Nonsense(Vec<u8>, Same);
        impl Source for Nonsense {
            fn read(&self, addr: u64, buf: &mut [u8]) -> bool {
                match addr {
                    0x1000 => { buf.copy_from_slice(&self.0[..buf.len()]); true }
                    _ if addr.is_multiple_of(3) => false,
                    _ => self.1.read(addr, buf),
                }
            }
        }
        let source = Nonsense(header, Same(memory));
        let view = MapView { layout: &layout, slots: &slots, header: 0x1000 };
        let found = find(&view, &source, &mut |_| Some(hash), &mut |_| Some(false)).unwrap();
        prop_assert!(found.entry.is_none());
        prop_assert!(found.bytes_read < 1 << 20);
    }
}
