//! Files that are missing, or that nodes would share.

use expect_test::expect;

use super::support::check;

#[test]
fn a_wrong_file() {
    check(
        "[sources.files]\npath = [\"in\", \"nothing\"]\n[sinks.file]\npath = \"in\"\n",
        expect![[r#"
            p.toml:2:15: files: can't read nothing: No such file or directory (os error 2)
            p.toml:4:8: file: can't write in: it is read too (name another file)"#]],
    );
    check(
        "[sources.files]\npath = \".\"\n[sinks.file]\npath = \"no/where\"\n",
        expect![[r#"
        p.toml:2:8: files: can't read .: it is a folder
        p.toml:4:8: file: there is no folder no"#]],
    );
    check(
        "[sources.stdin]\n[sinks.a]\ntype = \"file\"\npath = \"x\"\n[sinks.b]\ntype = \"file\"\npath = \"x\"\n",
        expect!["p.toml:7:8: b: can't write x: another node writes there (name another file)"],
    );
    check(
        "[sources.files]\npath = \"in\"\n[sinks.file]\npath = \"in\"\n",
        expect!["p.toml:4:8: file: can't write in: it is read too (name another file)"],
    );
}

#[test]
fn all_files_that_are_missing_are_named() {
    check(
        "[sources.files]\npath = [\"nothing\", \"in\", \"none\"]\nformt = \"text\"\n[sinks.stdout]\n",
        expect!["p.toml:3:1: files has no option formt (did you mean format?)"],
    );
    check(
        "[sources.files]\npath = [\"nothing\", \"in\", \"none\"]\n[sinks.stdout]\n",
        expect![[r#"
        p.toml:2:9: files: can't read nothing: No such file or directory (os error 2)
        p.toml:2:26: files: can't read none: No such file or directory (os error 2)"#]],
    );
}

#[test]
fn two_sources_of_stdin() {
    check(
        "[sources.stdin]\n[sources.b]\ntype = \"stdin\"\n[stages.union]\nfrom = [\"stdin\", \"b\"]\n[sinks.stdout]\n",
        expect!["p.toml:2:10: b: another source reads stdin too (remove one of them)"],
    );
}
