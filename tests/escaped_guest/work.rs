//! What a run must still be able to do.

use std::fs::{self, File};
use std::io::Write;

use engine::files;

use super::calls::inherited;
use super::stand_in::Try;

/// What a run must still be able to do.
pub(super) const WORK: &[(&str, Try)] = &[
    ("read what it was granted", |role| fs::read(role.granted.join("mine")).is_ok()),
    ("write what it was granted", |role| fs::write(role.granted.join("new"), "1").is_ok()),
    ("move and link files between folders of what it was granted", |role| {
        let [one, other] = ["one", "other"].map(|name| role.granted.join(name));
        let made = [&one, &other].iter().all(|folder| fs::create_dir(folder).is_ok());
        made && fs::write(one.join("file"), "1").is_ok()
            && fs::hard_link(one.join("file"), other.join("linked")).is_ok()
            && fs::rename(one.join("file"), other.join("moved")).is_ok()
    }),
    ("set the times of what it was granted", |role| {
        let now = std::time::SystemTime::now();
        File::open(role.granted.join("mine")).is_ok_and(|file| file.set_modified(now).is_ok())
    }),
    ("start threads", |_| {
        std::thread::Builder::new().spawn(|| 1).is_ok_and(|started| started.join().is_ok())
    }),
    ("read what it inherited and names", |role| {
        inherited(&role.passed).is_some_and(|number| fs::read(format!("/dev/fd/{number}")).is_ok())
    }),
    ("open pipes", |_| std::io::pipe().is_ok()),
    ("replace its checkpoint and remove it", |role| {
        let checkpoint = role.secret.with_file_name("checkpoint");
        let replaced = (0..3).all(|_| files::replace(&checkpoint, |file| file.write_all(b"12")).is_ok());
        replaced
            && fs::metadata(&checkpoint).is_ok_and(|known| known.len() == 2)
            && files::remove(&checkpoint).is_ok()
            && files::replace(&checkpoint, |file| file.write_all(b"1")).is_ok()
    }),
    ("begin a report and give it up", |role| {
        let report = role.secret.with_file_name("checkpoint");
        files::Draft::begin(&report).is_ok_and(|mut draft| draft.file().write_all(b"123").is_ok())
            && fs::metadata(&report).is_ok_and(|known| known.len() == 1)
    }),
    ("rotate its log", |role| {
        let log = role.secret.with_file_name("log");
        let write = |text: &str| {
            let opened = files::create(&log, files::Mode::Append, &|| false);
            opened.is_ok_and(|mut file| file.write_all(text.as_bytes()).is_ok())
        };
        let lengths = || {
            ["log", "log.1", "log.2", "log.3"]
                .map(|name| fs::metadata(role.secret.with_file_name(name)).map_or(0, |known| known.len()))
        };
        write("2") && files::rotate(&log, 2).is_ok() && write("345") && lengths() == [3, 2, 1, 0]
    }),
];
