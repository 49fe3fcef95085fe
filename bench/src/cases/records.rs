//! Many records at once: files through a function, compared with rivals that do the same.

use anyhow::Context;

use super::{MIB, Rivals, Scale, millions, run, ten_times, threads};
use crate::case::{Case, Program, Row};
use crate::inputs;
use crate::places::{Places, shown};
use crate::sample::Figure::{Memory, PerRecordInGuest};

pub(super) fn guest(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(20_000_000);
    let input = inputs::numbers(places, records)?;
    let engine = run(places, "inc", &input, &["-t", "1", "-o", "/dev/null", "--json"]);
    let mut case = Case {
        name: "guest",
        title: "Adding one to numbers as text, in full batches, one thread".into(),
        programs: vec![engine.records(records)],
        rows: Vec::new(),
    };
    let native = places.peer("native").map(|native| {
        (Program::new("native loop", [native, "loop-inc".into(), records.to_string()]), Some(1.0 / 1.5))
    });
    let arrow = places.peer("arrow-udf-peer").zip(places.guest("wasm32-wasip1", "arrow_udf_guest"));
    let arrow = arrow.map(|(peer, guest)| {
        let command = [peer, guest, "text".into(), "8192".into(), scale.of(10_000_000).to_string()];
        (Program::new("arrow-udf, text columns", command), None)
    });
    for (rival, speed) in native.into_iter().chain(arrow) {
        case.rows.push(Row::against(
            "in the guest, copies in and out included",
            PerRecordInGuest,
            case.programs.len(),
            speed,
        ));
        case.programs.push(rival);
    }
    Ok(case)
}

pub(super) fn lines(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(20_000_000);
    let input = inputs::numbers(places, records)?;
    let file = places.data("output");
    let output = shown(&file);
    let engine = run(places, "inc", &input, &["-o", &output]).records(records).writing(file.clone());
    let threads = threads();
    let native = places.peer("native").map(|native| {
        Program::new("native program", [&native, "inc", &input, &output, &threads])
            .records(records)
            .writing(file.clone())
    });
    let script = format!("awk '{{print $1+1}}' '{input}' > '{output}'");
    let awk = Program::new("awk", ["sh", "-c", &script]).records(records).writing(file.clone()).slow();
    let fluvio =
        places.peer("fluvio-peer").zip(places.guest("wasm32-wasip1", "fluvio_guest")).map(|(peer, guest)| {
            Program::new("Fluvio, batches of 1,024", [&peer, &guest, "file", &input, &output, "1024"])
                .records(records)
                .writing(file.clone())
                .slow()
        });
    let title = format!("Adding one to {} lines, file to file", millions(records));
    let rivals = Rivals::new("lines", title, "time per record", engine)
        .add(native, 0.6)
        .add(Some(awk), None)
        .add(fluvio, 10.0);
    let mut case = rivals.row(Row::at_most("memory", Memory, 40.0 * MIB)).case;
    let ten_times = ten_times(&input, &output);
    case.programs.push(run(places, "inc", &input, &ten_times).records(10 * records).writing(file).slow());
    let last = case.programs.len() - 1;
    case.rows.push(Row::at_most("memory with ten times the input", Memory, 40.0 * MIB).of(last));
    Ok(case)
}

/// The same work by a pipeline file and by flags.
pub(super) fn pipeline(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(20_000_000);
    let input = inputs::numbers(places, records)?;
    let file = places.data("output");
    let output = shown(&file);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let path = places.data("pipeline.toml");
    let text = format!(
        "[sources.files]\npath = {input:?}\n[stages.scatter]\n[stages.map]\nplugin = {:?}\n\
         [stages.buffer]\nn = {}\n[stages.gather]\n[sinks.file]\npath = {output:?}\n",
        places.plugin("inc"),
        (workers * 131_072).max(262_144),
    );
    std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    let engine = Program::new("a pipeline file", [places.engine(), "run".into(), shown(&path)]);
    let engine = engine.records(records).writing(file.clone());
    let flags = run(places, "inc", &input, &["-o", &output]);
    let flags = Program { name: "the same flags".to_owned(), ..flags }.records(records).writing(file);
    let title = format!("Adding one to {} lines, file to file, by a pipeline file", millions(records));
    Ok(Rivals::new("pipeline", title, "time per record", engine).add(Some(flags), 1.0 / 1.05).case)
}

pub(super) fn json(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(1_000_000);
    let title = format!("Changing a field of {} JSON objects of 300 bytes, file to file", millions(records));
    let Some(native) = places.peer("native") else {
        return Ok(Case { name: "json", title, programs: Vec::new(), rows: Vec::new() });
    };
    let input = inputs::events(places, &native, records)?;
    let file = places.data("output");
    let output = shown(&file);
    let engine = run(places, "event", &input, &["-o", &output]).records(records).writing(file.clone());
    let native = Program::new("native program", [&native, "json", &input, &output, &threads()])
        .records(records)
        .writing(file);
    Ok(Rivals::new("json", title, "time per record", engine).add(Some(native), 0.6).case)
}

pub(super) fn identity(places: &Places, scale: &Scale) -> anyhow::Result<Case> {
    let records = scale.of(1 << 20);
    let input = inputs::kibibytes(places, records)?;
    let engine = run(places, "identity", &input, &["-o", "/dev/null"]).records(records);
    let script = format!("cat '{input}' | cat > /dev/null");
    let cat = Program::new("cat FILE | cat", ["sh", "-c", &script]).records(records);
    let title = format!("Returning {} records of 1 KiB", millions(records));
    Ok(Rivals::new("identity", title, "time per record", engine).add(Some(cat), 0.5).case)
}
