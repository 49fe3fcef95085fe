//! Bytes to the end of a vector, fast where they are few.

/// From here on a call of the host's `memcpy` is worth its price.
const LONG: usize = 64;

/// Appends `bytes`. In WebAssembly a copy of unknown length is a call of the host; a few of known
/// length are a few instructions.
#[inline]
pub(crate) fn append(data: &mut Vec<u8>, mut bytes: &[u8]) {
    if bytes.len() >= LONG {
        return data.extend_from_slice(bytes);
    }
    while let Some((chunk, rest)) = bytes.split_first_chunk::<8>() {
        data.extend_from_slice(chunk);
        bytes = rest;
    }
    if let Some((chunk, rest)) = bytes.split_first_chunk::<4>() {
        data.extend_from_slice(chunk);
        bytes = rest;
    }
    if let Some((chunk, rest)) = bytes.split_first_chunk::<2>() {
        data.extend_from_slice(chunk);
        bytes = rest;
    }
    if let [byte] = bytes {
        data.push(*byte);
    }
}
