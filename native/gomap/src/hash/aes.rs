//! The hash that the runtime computes with AES instructions: `aeshashbody`, `memhash32` and `memhash64` in Go's
//! src/runtime/asm_amd64.s, since 1.27 `memHashAES` and others in src/internal/runtime/maps/memhash_amd64.s;
//! the same from 1.18 to 1.27.

use aes::Block;
use aes::hazmat::cipher_round;

/// `aeskeysched`: the process's random key, 128 bytes, as eight blocks.
#[derive(Debug, Clone)]
pub(super) struct Schedule([Block; 8]);

/// AESENC with a block as its own round key, as the runtime stirs.
fn stir(block: &mut Block) {
    let key = *block;
    cipher_round(block, &key);
}

fn xor(block: &mut Block, other: &[u8]) {
    for (byte, other) in block.iter_mut().zip(other) {
        *byte ^= other;
    }
}

fn low(block: &Block) -> u64 {
    block.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

impl Schedule {
    pub(super) fn new(bytes: &[u8; 128]) -> Self {
        let (blocks, _) = bytes.as_chunks::<16>();
        let mut blocks = blocks.iter().copied().map(Block::from);
        Schedule(std::array::from_fn(|_| blocks.next().unwrap_or_default()))
    }

    pub(super) fn memhash(&self, data: &[u8], seed: u64) -> u64 {
        let length = u64::from(data.len() as u16) * 0x0001_0001_0001_0001;
        let base = pair(seed, length);
        match data.len() {
            0 => {
                let mut block = self.seeded(base, 0);
                stir(&mut block);
                low(&block)
            }
            1..=16 => {
                let mut block = self.seeded(base, 0);
                xor(&mut block, data);
                (0..3).for_each(|_| stir(&mut block));
                low(&block)
            }
            17..=32 => self.lanes::<2>(data, base),
            33..=64 => self.lanes::<4>(data, base),
            _ => self.lanes::<8>(data, base),
        }
    }

    pub(super) fn memhash64(&self, data: u64, seed: u64) -> u64 {
        let mut block = pair(seed, data);
        self.0.iter().take(3).for_each(|key| cipher_round(&mut block, key));
        low(&block)
    }

    /// The seed of lane `lane`.
    fn seeded(&self, base: Block, lane: usize) -> Block {
        let mut block = base;
        if let Some(key) = self.0.get(lane) {
            xor(&mut block, key);
        }
        stir(&mut block);
        block
    }

    /// The first half of the lanes takes the data's first blocks, the other half its last ones; beyond 128
    /// bytes all take the last ones, and then all blocks from the start.
    fn lanes<const N: usize>(&self, data: &[u8], base: Block) -> u64 {
        let more = if data.len() > 128 { (data.len() - 1) >> 7 } else { 0 };
        let mut lanes: [Block; N] = std::array::from_fn(|lane| {
            let mut block = self.seeded(base, lane);
            let from_end = data.len().saturating_sub((N - lane) * 16);
            let start = if more == 0 && lane < N / 2 { lane * 16 } else { from_end };
            xor(&mut block, data.get(start..).unwrap_or_default());
            block
        });
        for round in data.chunks_exact(128).take(more) {
            for (lane, block) in lanes.iter_mut().zip(round.as_chunks::<16>().0) {
                stir(lane);
                cipher_round(lane, &Block::from(*block));
            }
        }
        for lane in &mut lanes {
            (0..3).for_each(|_| stir(lane));
        }
        lanes.iter().fold(0, |hash, lane| hash ^ low(lane))
    }
}

fn pair(first: u64, second: u64) -> Block {
    let mut bytes = [0; 16];
    let (low, high) = bytes.split_at_mut(8);
    low.copy_from_slice(&first.to_le_bytes());
    high.copy_from_slice(&second.to_le_bytes());
    Block::from(bytes)
}
