//! Adds one to columns of numbers, or of numbers that are text, with a guest of arrow-udf.

use std::fs;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use arrow_udf_runtime::wasm::Runtime;
use clap::{Args, Parser, Subcommand};
use measure::FIRST;

/// What engine's benchmarks do, with arrow-udf
#[derive(Parser)]
struct Peer {
    /// The guest, compiled to WebAssembly
    guest: PathBuf,
    #[command(subcommand)]
    case: Case,
}

#[derive(Subcommand)]
enum Case {
    /// Add one to columns of 64-bit integers
    I64(Size),
    /// Add one to columns of text
    Text(Size),
}

#[derive(Args, Clone, Copy)]
struct Size {
    rows_per_batch: NonZeroUsize,
    records: u64,
}

fn main() -> anyhow::Result<()> {
    let Peer { guest, case } = Peer::parse();
    let wasm = fs::read(&guest).with_context(|| format!("can't read {}", guest.display()))?;
    let runtime = Runtime::new(&wasm).with_context(|| format!("can't load {}", guest.display()))?;
    match case {
        Case::I64(size) => {
            let numbers = |first: i64, rows: i64| Int64Array::from_iter_values(first..first + rows);
            run(&runtime, "inc", DataType::Int64, size, numbers)
        }
        Case::Text(size) => {
            let texts = |first: i64, rows: i64| {
                StringArray::from_iter_values((first..first + rows).map(|number| number.to_string()))
            };
            run(&runtime, "inc_text", DataType::Utf8, size, texts)
        }
    }
}

/// Takes one batch through `function` again and again. `column` makes a column from its first number
/// and its length.
fn run<Column: Array + 'static>(
    runtime: &Runtime,
    function: &str,
    of: DataType,
    size: Size,
    column: impl Fn(i64, i64) -> Column,
) -> anyhow::Result<()> {
    let rows = i64::try_from(size.rows_per_batch.get())?;
    let handle = runtime.find_function(function, vec![of.clone()], of.clone())?;
    let schema = Schema::new(vec![Field::new("x", of, false)]);
    let input = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(column(FIRST, rows))])?;

    let output = measure::measure(size.records, size.rows_per_batch, || runtime.call(&handle, &input))?;

    let expected: ArrayRef = Arc::new(column(FIRST + 1, rows));
    ensure!(output.column(0) == &expected, "the last batch is wrong: {output:?}");
    Ok(())
}
