//! The source `letters`: the records in files of dead letters.

use std::io::Read;

use crate::connectors::support::formats::{Lines, lines};
use crate::policy::decode_dead_letter;

/// Emits the records in a file of [`DeadLetters`](crate::policy::DeadLetters), to run them again.
///
/// `reader` gives the file, a JSON object per line. A line that is not a dead letter is a fault (see
/// [`Lines::on_fault`]).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), engine::Error> {
/// use engine::{Source, sinks, sources};
///
/// let source = Source::new();
/// let (sink, numbers) = sinks::list::<i64>();
/// source.stream().sink(sink);
/// let letter = r#"{"number":3,"function":"f","fault":"failed","message":"no","attempts":1,"record":"7"}"#;
/// sources::dead_letters(letter.as_bytes()).emit_into(&source).await?;
/// source.close().await?;
/// assert_eq!(numbers.take(), [7]);
/// # Ok(()) }
/// ```
pub fn dead_letters<R: Read + Send + 'static>(reader: R) -> Lines<R> {
    lines(reader).decoded_by(decode_dead_letter)
}
