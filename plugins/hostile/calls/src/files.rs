//! Granted folders, and what is in them.

use std::hint::black_box;

use wasip2::filesystem::preopens;
use wasip2::filesystem::types::{Advice, Descriptor, DescriptorFlags, NewTimestamp, OpenFlags, PathFlags};

use crate::held::{Held, pick};
use crate::program::Program;
use crate::{Call, ignore};

pub(crate) const ALL: &[Call] = &[
    finds_folders,
    finds_folders,
    opens,
    opens,
    opens,
    reads_file,
    writes_file,
    opens_streams,
    opens_streams,
    looks_at,
    changes,
    reads_folder,
    changes_folder,
    links,
    compares,
];

/// Paths of a small world, and some that lead out of it.
const PATHS: [&str; 18] = [
    "a",
    "b",
    "link",
    "folder",
    "folder/a",
    ".",
    "",
    "..",
    "/etc/passwd",
    "../../../etc/passwd",
    "a\0b",
    "link/a",
    "pipe",
    "link/secret",
    "folder/secret",
    "../outside/secret",
    "folder/../../outside/secret",
    LONG,
];

const LONG: &str = match std::str::from_utf8(&[b'l'; 300]) {
    Ok(long) => long,
    Err(_) => "l",
};

fn path(program: &mut Program) -> &'static str {
    program.one_of(&PATHS)
}

fn path_flags(program: &mut Program) -> PathFlags {
    PathFlags::from_bits_truncate(program.byte())
}

fn finds_folders(_: &mut Program, held: &mut Held) {
    held.descriptors.extend(preopens::get_directories().into_iter().map(|(folder, _)| folder));
}

fn opens(program: &mut Program, held: &mut Held) {
    let Some(folder) = pick(program, &held.descriptors) else { return };
    let (path_flags, path) = (path_flags(program), path(program));
    let open = OpenFlags::from_bits_truncate(program.byte());
    let flags = DescriptorFlags::from_bits_truncate(program.byte());
    held.descriptors.extend(folder.open_at(path_flags, path, open, flags));
}

fn reads_file(program: &mut Program, held: &mut Held) {
    if let Some(file) = pick(program, &held.descriptors) {
        let read = file.read(program.size().min(1 << 20), program.size());
        held.sees(&read.unwrap_or_default().0);
    }
}

fn writes_file(program: &mut Program, held: &mut Held) {
    if let Some(file) = pick(program, &held.descriptors) {
        ignore(file.write(&program.bytes(), program.size()));
    }
}

fn opens_streams(program: &mut Program, held: &mut Held) {
    let Some(file) = pick(program, &held.descriptors) else { return };
    match program.byte() % 3 {
        0 => held.inputs.extend(file.read_via_stream(program.size())),
        1 => held.outputs.extend(file.write_via_stream(program.size())),
        _ => held.outputs.extend(file.append_via_stream()),
    }
}

fn looks_at(program: &mut Program, held: &mut Held) {
    let Some(file) = pick(program, &held.descriptors) else { return };
    match program.byte() % 8 {
        0 => ignore(file.stat()),
        1 => ignore(file.stat_at(path_flags(program), path(program))),
        2 => ignore(file.get_type()),
        3 => ignore(file.get_flags()),
        4 => ignore(file.metadata_hash()),
        5 => ignore(file.metadata_hash_at(path_flags(program), path(program))),
        6 => ignore(file.readlink_at(path(program))),
        _ => ignore(file.advise(program.size(), program.size(), Advice::WillNeed)),
    }
}

fn changes(program: &mut Program, held: &mut Held) {
    let Some(file) = pick(program, &held.descriptors) else { return };
    let result = match program.byte() % 5 {
        0 => file.set_size(program.size()),
        1 => file.set_times(NewTimestamp::Now, NewTimestamp::NoChange),
        2 => file.set_times_at(path_flags(program), path(program), NewTimestamp::Now, NewTimestamp::Now),
        3 => file.sync_data(),
        _ => file.sync(),
    };
    ignore(result);
}

fn reads_folder(program: &mut Program, held: &mut Held) {
    if program.one_in(2)
        && let Some(folder) = pick(program, &held.descriptors)
    {
        held.entries.extend(folder.read_directory());
    }
    if let Some(entries) = pick(program, &held.entries) {
        let name = entries.read_directory_entry().ok().flatten().map(|entry| entry.name);
        held.sees(name.unwrap_or_default().as_bytes());
    }
}

fn changes_folder(program: &mut Program, held: &mut Held) {
    let Some(folder) = pick(program, &held.descriptors) else { return };
    let path = path(program);
    let result = match program.byte() % 3 {
        0 => folder.create_directory_at(path),
        1 => folder.remove_directory_at(path),
        _ => folder.unlink_file_at(path),
    };
    ignore(result);
}

fn links(program: &mut Program, held: &mut Held) {
    let (from, to) = (pick(program, &held.descriptors), pick(program, &held.descriptors));
    let (Some(from), Some(to)): (Option<&Descriptor>, _) = (from, to) else { return };
    let (old, new) = (path(program), path(program));
    let result = match program.byte() % 3 {
        0 => from.rename_at(old, to, new),
        1 => from.link_at(path_flags(program), old, to, new),
        _ => from.symlink_at(old, new),
    };
    ignore(result);
}

fn compares(program: &mut Program, held: &mut Held) {
    if let (Some(one), Some(other)) = (pick(program, &held.descriptors), pick(program, &held.descriptors)) {
        black_box(one.is_same_object(other));
    }
}
