//! The commands in a Markdown text.

/// A command that the text shows, and what it says that the command prints.
#[derive(Debug, PartialEq)]
pub(crate) struct Command<'t> {
    /// Where it begins, counted from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
    /// None if the text does not say.
    pub(crate) output: Option<Vec<&'t str>>,
}

/// The commands in blocks marked `sh` (a block each) and `console`, in their order. A block marked
/// `toml,FILE.toml` is such a file, which a command writes.
pub(crate) fn commands(text: &str) -> Vec<Command<'_>> {
    let mut commands = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        let Some(mark) = line.strip_prefix("```") else { continue };
        let block: Vec<_> = lines.by_ref().take_while(|(_, line)| *line != "```").collect();
        match mark {
            "sh" => commands.push(whole(number + 1, &block)),
            "console" => commands.extend(transcript(&block)),
            _ => {
                let file = mark.strip_prefix("toml,").filter(|name| name.ends_with(".toml"));
                commands.extend(file.map(|name| written(number + 1, name, &block)));
            }
        }
    }
    commands
}

fn whole<'t>(line: usize, block: &[(usize, &str)]) -> Command<'t> {
    let lines: Vec<_> = block.iter().map(|(_, line)| *line).collect();
    Command { line, text: lines.join("\n"), output: None }
}

/// What writes a file that a block shows.
fn written<'t>(line: usize, name: &str, block: &[(usize, &str)]) -> Command<'t> {
    let Command { text, .. } = whole(line, block);
    Command { line, text: format!("cat > {name} <<'end of the file'\n{text}\nend of the file"), output: None }
}

/// Commands after `$ `, the lines that continue them, and what they print. A line continues one that ends with
/// a backslash, and one with `<<'end'` up to the line `end`.
fn transcript<'t>(block: &[(usize, &'t str)]) -> Vec<Command<'t>> {
    let mut commands: Vec<Command> = Vec::new();
    for (number, line) in block {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(text), _) => {
                commands.push(Command { line: *number, text: text.to_owned(), output: Some(Vec::new()) });
            }
            (None, Some(command)) if command.text.ends_with('\\') || is_open(&command.text) => {
                command.text.push('\n');
                command.text.push_str(line);
            }
            (None, Some(Command { output: Some(output), .. })) => output.push(line),
            (None, _) => {}
        }
    }
    commands
}

/// Whether a text that is written as it stands (`<<'end'`) has begun and not ended.
fn is_open(command: &str) -> bool {
    command.contains("<<'end'") && !command.ends_with("\nend")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_with_their_output() {
        let text =
            "# Title\n```sh\ncd a\nb\n```\n```console\n$ c \\\n    d\n1\n2\n$ e\n```\n```rust\nf\n```\n";
        let command = |line, text: &str, output| Command { line, text: text.to_owned(), output };
        assert_eq!(
            commands(text),
            [
                command(3, "cd a\nb", None),
                command(7, "c \\\n    d", Some(vec!["1", "2"])),
                command(11, "e", Some(vec![])),
            ]
        );
    }

    #[test]
    fn commands_may_contain_here_documents() {
        let text = "```console\n$ cat <<'end'\na\n$b\nend\na\n$ c\n```\n";
        let command =
            |line, text: &str, output| Command { line, text: text.to_owned(), output: Some(output) };
        let expected = [command(2, "cat <<'end'\na\n$b\nend", vec!["a"]), command(7, "c", vec![])];
        assert_eq!(commands(text), expected);
    }

    #[test]
    fn files_are_written_as_shown() {
        let text = "```toml,a.toml\n[a]\nb = 1\n```\n```toml\nno = 1\n```\n";
        let written = "cat > a.toml <<'end of the file'\n[a]\nb = 1\nend of the file";
        assert_eq!(commands(text), [Command { line: 2, text: written.to_owned(), output: None }]);
    }

    #[test]
    fn other_code_blocks_are_not_run() {
        assert_eq!(commands("```sh no_run\nrm -r .\n```\n"), []);
    }
}
