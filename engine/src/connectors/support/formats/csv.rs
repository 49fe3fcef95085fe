//! Parses rows of comma-separated values into JSON objects.

use bytesize::ByteSize;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::encoding::without_mark;
use super::rows::{Pieces, Rows, Stopped, Unfinished, too_long};
use crate::record::LONGEST;

/// The most bytes of JSON that a byte of a field becomes.
const LONGEST_ESCAPE: usize = 6;

/// The format of a CSV file: its delimiter, its quotes, and where the names of columns come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csv {
    delimiter: u8,
    quote: Option<u8>,
    headers: Option<Vec<String>>,
    infer: bool,
}

impl Csv {
    /// Commas between fields, double quotes around those that need them, and a header in the first row.
    #[must_use]
    pub fn new() -> Self {
        Self { delimiter: b',', quote: Some(b'"'), headers: None, infer: false }
    }

    /// Sets the byte between fields. A comma by default.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Sets the byte around fields that contain delimiters or newlines. A double quote by default; with none, no byte is a
    /// quote.
    #[must_use]
    pub fn quote(mut self, quote: Option<u8>) -> Self {
        self.quote = quote;
        self
    }

    /// Names the columns of a file that has no header: its first row is a record.
    #[must_use]
    pub fn headers<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.headers = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// If `infer`, turns fields that look like JSON numbers, `true` or `false` into those, and empty fields into null. By
    /// default all fields become strings.
    #[must_use]
    pub fn infer(mut self, infer: bool) -> Self {
        self.infer = infer;
        self
    }
}

impl Default for Csv {
    fn default() -> Self {
        Self::new()
    }
}

/// The parser's state between blocks.
pub(crate) struct CsvRows {
    reader: Reader,
    delimiter: u8,
    quote: Option<u8>,
    infer: bool,
    /// For each column the JSON before its value, as `,"name":`, once the header is known.
    keys: Option<Vec<Vec<u8>>>,
    /// The names, if the file has no header.
    names: Option<Vec<String>>,
    /// The current row: its bytes as they were read, its fields, and where these end.
    raw: Vec<u8>,
    fields: Vec<u8>,
    ends: Vec<usize>,
    /// How many elements of `fields` and `ends` are used.
    filled: (usize, usize),
    /// The current row, if it is too long and its rest is skipped.
    skipped: Option<Unfinished>,
    /// The number of newlines before the row, or before the part of it that was not skipped.
    lines: u64,
    /// The row before ended with a carriage return, which a newline may follow.
    after_return: bool,
    /// A carriage return was read and not parsed yet: what follows tells whether it ends a blank row.
    held_return: bool,
}

impl CsvRows {
    pub(crate) fn new(csv: Csv) -> Self {
        let Csv { delimiter, quote, headers, infer } = csv;
        let mut builder = ReaderBuilder::new();
        builder.delimiter(delimiter).quoting(quote.is_some()).quote(quote.unwrap_or(b'"'));
        Self {
            reader: builder.build(),
            delimiter,
            quote,
            infer,
            keys: None,
            names: headers,
            raw: Vec::new(),
            fields: vec![0; 1 << 10],
            ends: vec![0; 16],
            filled: (0, 0),
            skipped: None,
            lines: 0,
            after_return: false,
            held_return: false,
        }
    }

    /// Adds the current row, which is complete.
    fn add_row(&mut self, pieces: &mut Pieces) -> Result<(), Stopped> {
        if self.skipped.take().is_some() {
            return Ok(());
        }
        if !self.closes_fields() {
            let reason = "a field goes on after its closing quote: double the quotes in it";
            return match self.keys {
                Some(_) => self.refuse(reason, pieces),
                None => Err(Stopped::Header(reason.to_owned())),
            };
        }
        let fields = str::from_utf8(&self.fields[..self.filled.0]);
        let fields = fields
            .ok()
            .and_then(|fields| split(fields, &self.ends[..self.filled.1]).collect::<Option<Vec<_>>>());
        let Some(keys) = &self.keys else {
            let header = fields.ok_or_else(|| Stopped::Header("it is not UTF-8".to_owned()))?;
            self.keys = Some(keys(&header).map_err(Stopped::Header)?);
            return Ok(());
        };
        let Some(fields) = fields else { return self.refuse("it is not UTF-8", pieces) };
        if fields.len() != keys.len() {
            let reason = mismatch(fields.len(), keys.len());
            return self.refuse(&reason, pieces);
        }
        let most = keys.iter().map(Vec::len).sum::<usize>() + self.filled.0 * LONGEST_ESCAPE + 4 * keys.len();
        if most >= LONGEST {
            let mut record = Vec::new();
            object(keys, &fields, self.infer, &mut record);
            if record.len() > LONGEST {
                let reason = format!("its record is longer than {}", ByteSize(LONGEST as u64));
                return self.refuse(&reason, pieces);
            }
        }
        pieces.add(|data| object(keys, &fields, self.infer, data))
    }

    /// Whether each field of the row that begins with a quote ends with one.
    fn closes_fields(&self) -> bool {
        let Some(quote) = self.quote else { return true };
        let row = if self.lines == 0 { without_mark(&self.raw) } else { &self.raw };
        closes_fields(trimmed(row), quote, self.delimiter)
    }

    fn refuse(&self, reason: &str, pieces: &mut Pieces) -> Result<(), Stopped> {
        // Newlines around the row belong to the row before, or end this one.
        let row = trimmed(&self.raw);
        let before = self.raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let blank = before.filter(|byte| **byte == b'\n').count() as u64;
        pieces.refuse(row, &with_lines(reason, row), self.lines + blank + 1)
    }

    /// Refuses the current row, which is too long, and skips the rest of it.
    fn skip_row(&mut self, pieces: &mut Pieces) -> Result<(), Stopped> {
        let reason = too_long(LONGEST);
        if self.keys.is_none() {
            return Err(Stopped::Header(reason));
        }
        let rest = self.raw.split_off(LONGEST);
        self.refuse(&reason, pieces)?;
        self.raw.extend_from_slice(&rest);
        self.skipped = Some(Unfinished { bytes: self.raw.len() as u64, lines: self.lines, refused: true });
        self.next_row();
        Ok(())
    }

    /// Begins the next row.
    fn next_row(&mut self) {
        self.lines += newlines(&self.raw);
        self.raw.clear();
        self.filled = (0, 0);
    }

    /// Adds the last row of a file, which may lack its newline.
    fn end(&mut self, pieces: &mut Pieces) -> Result<(), Stopped> {
        if self.held_return {
            self.held_return = false;
            self.parse(b"\r", pieces)?;
        }
        let known = self.filled.0;
        let lines = self.lines + newlines(&self.raw);
        if !self.raw.is_empty() {
            self.parse(b"\n", pieces)?;
        }
        // Only within quotes the newline is a part of a field.
        if self.filled.0 > known && self.skipped.is_none() {
            let reason = "its last field has no closing quote";
            if self.keys.is_none() {
                return Err(Stopped::Header(with_lines(reason, trimmed(&self.raw))));
            }
            self.refuse(reason, pieces)?;
        }
        self.next_row();
        self.lines = lines;
        self.skipped = None;
        self.reader.reset();
        self.after_return = false;
        Ok(())
    }

    /// Adds the blank rows that `bytes` begin with if there is a single column, whose value is then empty. Returns what
    /// follows them. With several columns, the parser leaves blank rows out.
    fn take_blank_rows<'a>(&mut self, mut bytes: &'a [u8], pieces: &mut Pieces) -> Result<&'a [u8], Stopped> {
        let Some(keys) = self.keys.as_ref().filter(|keys| keys.len() == 1) else { return Ok(bytes) };
        while let [byte @ (b'\r' | b'\n'), rest @ ..] = bytes {
            bytes = rest;
            let ends_row_before = std::mem::replace(&mut self.after_return, *byte == b'\r');
            self.lines += u64::from(*byte == b'\n');
            if *byte == b'\r' || !ends_row_before {
                pieces.add(|data| object(keys, &[""], self.infer, data))?;
            }
        }
        Ok(bytes)
    }

    /// Parses bytes. If blank rows are records, a row ends with its carriage return and the newline after it: then no
    /// position is between them.
    fn take(&mut self, bytes: &[u8], pieces: &mut Pieces) -> Result<(), Stopped> {
        if std::mem::take(&mut self.held_return) {
            self.parse(b"\r", pieces)?;
        }
        let may_be_single = self.keys.as_ref().is_none_or(|keys| keys.len() == 1);
        match bytes.strip_suffix(b"\r").filter(|_| may_be_single) {
            Some(before) => {
                self.held_return = true;
                self.parse(before, pieces)
            }
            None => self.parse(bytes, pieces),
        }
    }

    fn parse(&mut self, bytes: &[u8], pieces: &mut Pieces) -> Result<(), Stopped> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.raw.is_empty() && self.skipped.is_none() {
                rest = self.take_blank_rows(rest, pieces)?;
                if rest.is_empty() {
                    break;
                }
            }
            let (filled, ends) = self.filled;
            let (result, read, wrote, ended) =
                self.reader.read_record(rest, &mut self.fields[filled..], &mut self.ends[ends..]);
            self.raw.extend_from_slice(&rest[..read]);
            rest = &rest[read..];
            self.filled = (filled + wrote, ends + ended);
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => {
                    self.after_return = self.raw.ends_with(b"\r");
                    self.add_row(pieces)?;
                    self.next_row();
                }
            }
            if let Some(skipped) = &mut self.skipped {
                skipped.bytes += self.raw.len() as u64;
                self.next_row();
            } else if self.raw.len() > LONGEST {
                self.skip_row(pieces)?;
            }
        }
        Ok(())
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

fn mismatch(fields: usize, names: usize) -> String {
    let plural = if fields == 1 { "" } else { "s" };
    format!("it has {fields} field{plural}, and the header has {names}")
}

/// Why a row is refused, and how many lines it takes: a quote that was not closed takes all to the next one.
fn with_lines(reason: &str, row: &[u8]) -> String {
    match memchr::memchr_iter(b'\n', row).count() {
        0 => reason.to_owned(),
        more => {
            format!("{reason}, and the row takes {} lines: look for a quote that is not closed", more + 1)
        }
    }
}

/// Whether nothing follows a field's closing quote: the parser would take it for a part of the field, and leave out the
/// quotes.
fn closes_fields(row: &[u8], quote: u8, delimiter: u8) -> bool {
    let mut at = 0;
    while let Some(found) = memchr::memchr(quote, &row[at..]) {
        at += found + 1;
        if row[..at - 1].last().is_some_and(|before| *before != delimiter) {
            // Within a field without quotes it is a character as others.
            continue;
        }
        loop {
            let Some(found) = memchr::memchr(quote, &row[at..]) else { return true };
            at += found + 1;
            if row.get(at) != Some(&quote) {
                break;
            }
            at += 1;
        }
        if row.get(at).is_some_and(|after| *after != delimiter) {
            return false;
        }
    }
    true
}

fn trimmed(mut raw: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] | [rest @ .., b'\r' | b'\n'] = raw {
        raw = rest;
    }
    raw
}

/// The fields that end at `ends`. None for a field that begins or ends within a character.
fn split<'a>(fields: &'a str, ends: &[usize]) -> impl Iterator<Item = Option<&'a str>> {
    let begins = std::iter::once(0).chain(ends.iter().copied());
    begins.zip(ends).map(|(begin, end)| fields.get(begin..*end))
}

fn keys<S: AsRef<str>>(names: &[S]) -> Result<Vec<Vec<u8>>, String> {
    let names = names.iter().map(AsRef::as_ref);
    let mut seen = std::collections::HashSet::new();
    if let Some(twice) = names.clone().find(|name| !seen.insert(*name)) {
        return Err(format!("it has two columns named {twice:?}"));
    }
    let before = std::iter::once("{").chain(std::iter::repeat(","));
    Ok(before
        .zip(names)
        .map(|(before, name)| format!("{before}{}:", serde_json::json!(name)).into())
        .collect())
}

fn object(keys: &[Vec<u8>], fields: &[&str], infer: bool, data: &mut Vec<u8>) {
    for (key, field) in keys.iter().zip(fields) {
        data.extend_from_slice(key);
        match *field {
            "" if infer => data.extend_from_slice(b"null"),
            plain if infer && is_plain(plain) => data.extend_from_slice(plain.as_bytes()),
            text => serde_json::to_writer(&mut *data, text).expect("text is always JSON"),
        }
    }
    data.push(b'}');
}

/// Whether a field looks like a JSON number or boolean.
fn is_plain(field: &str) -> bool {
    let is_number = || {
        let edges = [field.as_bytes().first(), field.as_bytes().last()];
        let [Some(first), Some(last)] = edges else { return false };
        (first.is_ascii_digit() || *first == b'-')
            && last.is_ascii_digit()
            && serde_json::from_str::<serde_json::Number>(field).is_ok()
    };
    matches!(field, "true" | "false") || is_number()
}

impl Rows for CsvRows {
    fn read(&mut self, bytes: &[u8], pieces: &mut Pieces) -> Result<(), Stopped> {
        if self.keys.is_none()
            && let Some(names) = &self.names
        {
            self.keys = Some(keys(names).map_err(Stopped::Header)?);
        }
        if bytes.is_empty() { self.end(pieces) } else { self.take(bytes, pieces) }
    }

    fn unfinished(&self) -> Unfinished {
        let held = u64::from(self.held_return);
        let bytes = self.raw.len() as u64;
        let unfinished = self.skipped.unwrap_or(Unfinished { bytes, lines: self.lines, refused: false });
        Unfinished { bytes: unfinished.bytes + held, ..unfinished }
    }

    fn continue_after(&mut self, lines: u64) {
        self.lines = lines;
    }

    fn wants_header(&self) -> bool {
        self.keys.is_none() && self.names.is_none()
    }
}
