//! Where a byte occurs.

use wide::u8x16;

/// How many bytes are compared before the hits among them are listed.
const CHUNK: usize = 64;

/// The positions of `byte` in `data`, which is below 4 GiB, in ascending order.
///
/// Lines are often short. A search for the next newline costs some 7 ns however near it is, while
/// this costs 2 ns a line of eight bytes, and for long lines keeps up with any source.
pub(crate) fn positions(data: &[u8], byte: u8) -> Vec<u32> {
    assert!(u32::try_from(data.len()).is_ok(), "a block is below 4 GiB");
    let wanted = u8x16::splat(byte);
    let mut found = Vec::with_capacity(data.len() / 8);
    let mut start = 0;
    let (chunks, rest) = data.as_chunks::<CHUNK>();
    for chunk in chunks {
        list(hits(chunk, wanted), start, &mut found);
        start += CHUNK as u32;
    }
    let mut last = [!byte; CHUNK];
    last[..rest.len()].copy_from_slice(rest);
    list(hits(&last, wanted), start, &mut found);
    found
}

/// A bit for each byte, the first one lowest: whether it is wanted.
fn hits(chunk: &[u8; CHUNK], wanted: u8x16) -> u64 {
    let (parts, _) = chunk.as_chunks::<16>();
    let bits = |part: &[u8; 16]| u64::from(u8x16::new(*part).simd_eq(wanted).to_bitmask());
    parts.iter().rev().fold(0, |hits, part| hits << 16 | bits(part))
}

fn list(mut hits: u64, start: u32, found: &mut Vec<u32>) {
    while hits != 0 {
        found.push(start + hits.trailing_zeros());
        hits &= hits - 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_occurrence_is_found(data in prop::collection::vec(0u8..4, 0..300), byte in 0u8..4) {
            let expected: Vec<u32> = (0..).zip(&data).filter(|(_, b)| **b == byte).map(|(i, _)| i).collect();
            prop_assert_eq!(positions(&data, byte), expected);
        }
    }
}
