//! The hash that the runtime computes without AES instructions: `memhashFallback` in Go's src/runtime/hash64.go,
//! since 1.27 `memHashFallback` in src/internal/runtime/maps/runtime_hash64.go.

/// m5 in every version.
const M5: u64 = 0x1d8e_4e27_c47d_124f;

/// m1 to m4 up to Go 1.22, which has only the first word of `hashkey` in its hash.
const FIXED: [u64; 4] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3];

/// The words that stir.
#[derive(Debug, Clone)]
pub(super) struct Words([u64; 4]);

impl Words {
    pub(super) fn new(hashkey: [u64; 4], fixed: bool) -> Self {
        let [first, ..] = hashkey;
        let [m1, m2, m3, m4] = FIXED;
        Words(if fixed { [first ^ m1, m2, m3, m4] } else { hashkey })
    }

    pub(super) fn memhash(&self, data: &[u8], seed: u64) -> u64 {
        let Words([k0, k1, k2, k3]) = *self;
        let mut seed = seed ^ k0;
        let len = data.len();
        let byte = |at: usize| data.get(at).copied().map_or(0, u64::from);
        let (a, b) = match len {
            0 => return seed,
            1..=3 => (byte(0) | byte(len >> 1) << 8 | byte(len - 1) << 16, 0),
            4..=7 => (r4(data, 0), r4(data, len - 4)),
            8..=16 => (r8(data, 0), r8(data, len - 8)),
            _ => {
                let mut rest = data;
                if len > 48 {
                    let (mut seed1, mut seed2) = (seed, seed);
                    while rest.len() > 48 {
                        seed = mix(r8(rest, 0) ^ k1, r8(rest, 8) ^ seed);
                        seed1 = mix(r8(rest, 16) ^ k2, r8(rest, 24) ^ seed1);
                        seed2 = mix(r8(rest, 32) ^ k3, r8(rest, 40) ^ seed2);
                        rest = rest.get(48..).unwrap_or_default();
                    }
                    seed ^= seed1 ^ seed2;
                }
                while rest.len() > 16 {
                    seed = mix(r8(rest, 0) ^ k1, r8(rest, 8) ^ seed);
                    rest = rest.get(16..).unwrap_or_default();
                }
                (r8(data, len - 16), r8(data, len - 8))
            }
        };
        mix(M5 ^ len as u64, mix(a ^ k1, b ^ seed))
    }

    /// `memhash32Fallback` (`len` 4) and `memhash64Fallback` (8).
    pub(super) fn memhash_word(&self, word: u64, len: u64, seed: u64) -> u64 {
        let Words([k0, k1, ..]) = *self;
        mix(M5 ^ len, mix(word ^ k1, word ^ seed ^ k0))
    }
}

fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product >> 64) as u64 ^ product as u64
}

fn r4(data: &[u8], at: usize) -> u64 {
    data.get(at..).and_then(|data| data.first_chunk()).copied().map_or(0, |bytes| u32::from_le_bytes(bytes).into())
}

fn r8(data: &[u8], at: usize) -> u64 {
    data.get(at..).and_then(|data| data.first_chunk()).copied().map_or(0, u64::from_le_bytes)
}
