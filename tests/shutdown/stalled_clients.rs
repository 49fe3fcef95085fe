//! Clients that stall.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::run::Run;

/// The address at the end of the next line that has one.
fn next_address(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if let Some(at) = line.find("127.0.0.1:") {
            return line[at..].trim_end().split('/').next().unwrap().to_owned();
        }
        line.clear();
    }
    panic!("it tells no address")
}

#[test]
fn a_thousand_stalled_clients_take_little_memory_and_delay_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = "[sources.http]\naddress = \"127.0.0.1:0\"\n[sources.tcp]\naddress = \"127.0.0.1:0\"\n\
                    [stages.union]\nfrom = [\"http\", \"tcp\"]\n[sinks.stdout]\n";
    let mut run = Run::of_file(folder.path(), pipeline, &["--dashboard", "127.0.0.1:0"]);
    let mut stderr = BufReader::new(run.0.stderr.take().unwrap());
    let addresses = [(); 3].map(|()| next_address(&mut stderr));
    let said = ["", "POST / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"];
    let begun = run.memory();
    let mut clients = Vec::new();
    for client in 0..1000 {
        let mut connection = TcpStream::connect(&addresses[client % 3]).unwrap();
        connection.write_all(said[client % 7 % 3].as_bytes()).unwrap();
        clients.push(connection);
    }
    let grown = run.memory().saturating_sub(begun);
    assert!(grown < 64 << 20, "{grown} bytes");
    run.signal("-TERM");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(run.ended().code, Some(143), "{rest}");
    drop(clients);
}
