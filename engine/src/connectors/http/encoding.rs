//! Decodes the bodies of requests that are compressed.

use std::io::{self, BufRead, Cursor, Read};

use axum::http::HeaderMap;
use axum::http::header::CONTENT_ENCODING;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::read::Decoder;

/// How many bytes are decoded at once, before other tasks have their turn.
const BLOCK: usize = 64 << 10;

/// The largest window of zstd that is decoded, as a power of two: 8 MiB, which is what encoders may assume.
const WINDOW_LOG: u32 = 23;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Gzip,
    /// The format of zlib, or the same without its header and checksum, as some clients send it.
    Deflate,
    Zstd,
}

/// Why a body can't be decoded.
#[derive(Debug)]
pub(super) enum Undecodable {
    TooLarge,
    Damaged(io::Error),
}

impl Encoding {
    /// The names of all that are decoded, as a header.
    pub(super) const ACCEPTED: &str = "gzip, deflate, zstd";

    /// The encoding that the headers name.
    ///
    /// # Errors
    ///
    /// The names, if it is one that is not decoded here, or if there are several.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, String> {
        let values = headers.get_all(CONTENT_ENCODING).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
        let names: Vec<_> = values
            .flat_map(|value| value.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>())
            .collect();
        let mut coded = names.iter().filter(|name| !matches!(name.as_str(), "" | "identity"));
        match (coded.next().map(String::as_str), coded.next()) {
            (None, _) => Ok(Self::Plain),
            (Some("gzip" | "x-gzip"), None) => Ok(Self::Gzip),
            (Some("deflate"), None) => Ok(Self::Deflate),
            (Some("zstd"), None) => Ok(Self::Zstd),
            _ => Err(names.join(", ")),
        }
    }

    /// Decodes a body, of which no more than `largest` bytes may come.
    pub(super) async fn decode(self, body: Bytes, largest: usize) -> Result<Bytes, Undecodable> {
        let encoded = Cursor::new(body);
        match self {
            Self::Plain => Ok(encoded.into_inner()),
            Self::Gzip => read(MultiGzDecoder::new(encoded), largest).await,
            Self::Deflate => read(Inflating::new(encoded), largest).await,
            Self::Zstd => {
                let mut decoder = Decoder::with_buffer(encoded).map_err(Undecodable::Damaged)?;
                decoder.window_log_max(WINDOW_LOG).map_err(Undecodable::Damaged)?;
                read(decoder, largest).await
            }
        }
    }
}

async fn read(mut decoder: impl Read, largest: usize) -> Result<Bytes, Undecodable> {
    let (mut decoded, mut block) = (Vec::new(), vec![0; BLOCK]);
    loop {
        match decoder.read(&mut block) {
            Ok(0) => return Ok(decoded.into()),
            Ok(read) if decoded.len() + read > largest => return Err(Undecodable::TooLarge),
            Ok(read) => decoded.extend_from_slice(&block[..read]),
            Err(error) => return Err(Undecodable::Damaged(error)),
        }
        tokio::task::yield_now().await;
    }
}

/// Decodes deflated data. Unlike the decoder of `flate2`, it fails if the end is missing.
struct Inflating {
    encoded: Cursor<Bytes>,
    state: Decompress,
}

impl Inflating {
    fn new(encoded: Cursor<Bytes>) -> Self {
        let has_header = matches!(
            encoded.get_ref()[..],
            [first, second, ..] if first & 0x0f == 8 && u16::from_be_bytes([first, second]) % 31 == 0
        );
        Self { encoded, state: Decompress::new(has_header) }
    }
}

impl Read for Inflating {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let (input, before) = (self.encoded.fill_buf()?, (self.state.total_in(), self.state.total_out()));
            let is_over = input.is_empty();
            let status = self.state.decompress(input, buffer, FlushDecompress::None)?;
            let consumed = usize::try_from(self.state.total_in() - before.0).unwrap_or(usize::MAX);
            let produced = usize::try_from(self.state.total_out() - before.1).unwrap_or(usize::MAX);
            self.encoded.consume(consumed);
            match status {
                _ if produced > 0 => return Ok(produced),
                Status::StreamEnd => return Ok(0),
                _ if is_over => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is cut off")),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use axum::http::HeaderValue;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn encoded(encoding: Encoding, data: &[u8]) -> Vec<u8> {
        match encoding {
            Encoding::Plain => data.to_vec(),
            Encoding::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(data).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Zstd => zstd::encode_all(data, 3).unwrap(),
        }
    }

    #[tokio::test]
    async fn bodies_are_decoded_up_to_the_limit_and_damage_is_noticed() {
        let data: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
        for encoding in [Encoding::Gzip, Encoding::Deflate, Encoding::Zstd] {
            let body = encoded(encoding, &data);
            let decode = |body: &[u8], largest| encoding.decode(Bytes::copy_from_slice(body), largest);
            assert_eq!(decode(&body, data.len()).await.unwrap(), data, "{encoding:?}");
            let decoded = decode(&body, data.len() - 1).await;
            assert!(matches!(decoded, Err(Undecodable::TooLarge)), "{encoding:?}");
            for end in [0, 1, body.len() / 2, body.len() - 1] {
                let decoded = decode(&body[..end], data.len()).await;
                assert!(matches!(decoded, Err(Undecodable::Damaged(_))), "{encoding:?} up to {end}");
            }
        }
    }

    #[tokio::test]
    async fn deflated_data_may_lack_its_header() {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"{\"a\": 1}").unwrap();
        let body = encoder.finish().unwrap();
        assert_eq!(Encoding::Deflate.decode(body.into(), 100).await.unwrap(), "{\"a\": 1}");
    }

    #[tokio::test]
    async fn a_zstd_frame_that_wants_a_huge_window_is_refused() {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(27).unwrap();
        encoder.write_all(b"small").unwrap();
        let body = encoder.finish().unwrap();
        let decoded = Encoding::Zstd.decode(body.into(), 100).await;
        assert!(matches!(decoded, Err(Undecodable::Damaged(_))), "{decoded:?}");
    }

    #[test]
    fn encodings_are_read_from_the_headers() {
        let of = |values: &[&'static str]| {
            let values = values.iter().map(|value| (CONTENT_ENCODING, HeaderValue::from_static(value)));
            Encoding::of(&HeaderMap::from_iter(values)).ok()
        };
        assert_eq!(of(&[]), Some(Encoding::Plain));
        assert_eq!(of(&["identity"]), Some(Encoding::Plain));
        assert_eq!(of(&["GZIP"]), Some(Encoding::Gzip));
        assert_eq!(of(&["identity, zstd"]), Some(Encoding::Zstd));
        for several in [&["gzip, gzip"][..], &["deflate", "gzip"], &["br"]] {
            assert_eq!(of(several), None, "{several:?}");
        }
    }
}
