//! Short integers, read eight digits at a time: a loop over digits costs several times as much,
//! since in WebAssembly each turn of a loop also asks whether the call's time is over.

/// Eight zeros, as text.
const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The value of nine to sixteen decimal digits; none if there are more, fewer, or anything else.
pub(super) fn long(text: &[u8]) -> Option<u64> {
    let (first, last) = text.split_last_chunk::<8>()?;
    Some(short(first)? * 100_000_000 + short(last)?)
}

/// The value of one to eight decimal digits; none if there are more, or anything else.
#[inline]
pub(super) fn short(text: &[u8]) -> Option<u64> {
    let digits = right_aligned(text)?;
    // A digit is 0x30 to 0x39: its upper half is 3, and stays so with 6 added.
    let upper = 0xf0f0_f0f0_f0f0_f0f0;
    if digits & upper != ZEROS || digits.wrapping_add(0x0606_0606_0606_0606) & upper != ZEROS {
        return None;
    }
    // The first digit is the lowest byte. Neighbours are joined, then pairs, then fours.
    let pairs = (digits - ZEROS).wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

/// The text's bytes, the last of them in the highest byte, after as many `0` as are missing.
#[inline]
fn right_aligned(text: &[u8]) -> Option<u64> {
    let missing = 8_u32.checked_sub(text.len() as u32)? * 8;
    // Two reads that overlap have the same bytes where they do.
    let bytes = if let Some(eight) = text.first_chunk() {
        u64::from_le_bytes(*eight)
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let (first, last) = (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
        first << missing | last << 32
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let (first, last) = (u64::from(u16::from_le_bytes(*first)), u64::from(u16::from_le_bytes(*last)));
        first << missing | last << 48
    } else {
        u64::from(*text.first()?) << missing
    };
    Some(bytes | ZEROS.checked_shr(64 - missing).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length_parse_as_digits() {
        let digits = "9081726354453627";
        for text in (1..=16).flat_map(|length| [&digits[..length], &digits[16 - length..]]) {
            let read = if text.len() <= 8 { short } else { long };
            assert_eq!(read(text.as_bytes()), text.parse().ok(), "{text}");
        }
        assert_eq!(long(b"0000000000000009"), Some(9));
    }

    #[test]
    fn other_notations_are_left_to_the_general_parser() {
        for text in [
            "",
            "-1",
            "+1",
            "12345678901234567",
            "12a",
            " 1",
            "1 ",
            "1234567:",
            "/",
            "1.5",
            "\u{b2}",
            "1\u{0}",
        ] {
            assert_eq!(short(text.as_bytes()), None, "{text:?}");
            assert_eq!(long(text.as_bytes()), None, "{text:?}");
        }
        for place in 0..16 {
            for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                let mut text = *b"1234567890123456";
                text[place] = byte;
                assert_eq!(long(&text), None, "{text:?}");
                assert_eq!(short(&text[place / 8 * 8..][..8]), None, "{text:?}");
            }
        }
    }
}
