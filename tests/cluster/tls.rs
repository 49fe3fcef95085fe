//! TLS: trusted and untrusted certificates, and no data over an unencrypted connection.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{JoinHandle, spawn};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::{TempDir, tempdir};

use super::processes::{Cluster, ended, slow, slow_loop};
use crate::support::machines::Machine;
use crate::support::nats_server::NatsServer;
use crate::support::{Did, engine, fed};

/// A certificate authority.
struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// A new one, with its certificate in this file.
    fn new(file: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Two of one name would differ only in the signature.
        params.distinguished_name.push(DnType::CommonName, file.display().to_string());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        fs::write(file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self(Issuer::new(params, key))
    }

    /// The configuration of a server with a certificate for `localhost`.
    fn certify(&self, folder: &Path) -> String {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let [certified, secret] = ["server.pem", "server.key"].map(|name| folder.join(name));
        fs::write(&certified, certificate.pem()).unwrap();
        fs::write(&secret, key.serialize_pem()).unwrap();
        format!("tls {{ cert_file: {certified:?}, key_file: {secret:?} }}")
    }
}

/// A server that requires TLS.
struct Certified {
    folder: TempDir,
    server: NatsServer,
}

impl Certified {
    /// None if there is no NATS server.
    fn start() -> Option<Self> {
        let folder = tempdir().unwrap();
        let authority = Authority::new(&folder.path().join("ca.pem"));
        Authority::new(&folder.path().join("other.pem"));
        let server = NatsServer::start_with(&authority.certify(folder.path()))?;
        Some(Self { folder, server })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn url(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}", self.server.port())
    }
}

#[test]
fn a_server_is_verified_by_its_certificate() {
    let Some(certified) = Certified::start() else { return };
    let ca = certified.file("ca.pem").display().to_string();
    let known = ["--cluster-ca", &ca];
    for scheme in ["tls", "nats"] {
        let url = certified.url(scheme, "localhost");
        let mut cluster = Cluster::with_broker((), url, Machine::this());
        cluster.join(&known);
        fs::write(cluster.path("in"), slow(500)).unwrap();
        let run = cluster.run(&slow_loop(), &known).spawn().unwrap();
        assert_eq!(ended(run), (Some(0), String::new()));
        assert!(cluster.text("out") == slow(500));
        let mut status = engine(["cluster", "status", cluster.url()]);
        status.args(known);
        let Did { code, stdout, stderr } = fed(status, "");
        assert_eq!((code, &*stderr), (Some(0), ""));
        assert!(stdout.ends_with("\nno runs\n"), "{stdout}");
    }
}

/// The commands that connect to a broker.
fn commands(url: &str) -> [Command; 3] {
    let plugin = slow_loop();
    let run = ["run", "-q", "-p", &plugin, "--cluster", url];
    [engine(run), engine(["worker", "--cluster", url, "--quiet"]), engine(["cluster", "status", url])]
}

/// Each of the commands prints the same line.
fn refused(url: &str, more: &[&str], reason: &str) {
    for mut command in commands(url) {
        command.args(more);
        let Did { code, stdout, stderr } = fed(command, "");
        assert_eq!((code, &*stdout, stderr.lines().count()), (Some(2), "", 1), "{stderr}");
        assert!(stderr.starts_with(&format!("engine: can't reach the broker at {url}: ")), "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
    }
}

#[test]
fn an_unknown_server_is_refused_with_one_line() {
    let Some(certified) = Certified::start() else { return };
    let [ca, other] = ["ca.pem", "other.pem"].map(|name| certified.file(name).display().to_string());
    let localhost = certified.url("tls", "localhost");
    refused(&localhost, &[], "its certificate is signed by an unknown authority");
    refused(&localhost, &["--cluster-ca", &other], "its certificate is signed by no authority in ");
    refused(&certified.url("tls", "127.0.0.1"), &["--cluster-ca", &ca], "not valid for name");
    // A server that requires TLS gets it, whatever the URL's scheme.
    refused(&certified.url("nats", "localhost"), &[], "its certificate is signed by an unknown authority");
}

/// A server without TLS, like an eavesdropper. Returns its port, and the first byte that it receives.
fn listener() -> (u16, JoinHandle<Option<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let info = r#"{"server_id":"x","version":"2.15.1","max_payload":1048576,"headers":true}"#;
        connection.write_all(format!("INFO {info}\r\n").as_bytes()).unwrap();
        let mut first = [0];
        let told = connection.read(&mut first).unwrap_or(0);
        (told > 0).then_some(first[0])
    });
    (port, told)
}

/// The first byte of a TLS handshake. An unencrypted client would start with the `C` of `CONNECT`.
const HANDSHAKE: Option<u8> = Some(0x16);

#[test]
fn no_data_goes_over_an_unencrypted_connection() {
    let folder = tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    Authority::new(&ca);
    let known = ["--cluster-ca", ca.to_str().unwrap()];
    for (scheme, more) in [("tls", &[][..]), ("tls", &known), ("nats", &known)] {
        let (port, told) = listener();
        let mut status = engine(["cluster", "status", &format!("{scheme}://localhost:{port}")]);
        status.args(more);
        let Did { code, stderr, .. } = fed(status, "");
        assert_eq!((code, stderr.lines().count()), (Some(2), 1), "{stderr}");
        assert_eq!(told.join().unwrap(), HANDSHAKE);
    }
}

/// A proxy between a client and a server that adds a server to the advertised ones. They are sent before the handshake,
/// so the change goes unnoticed.
fn between(server: u16, named: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        // It accepts one connection only.
        drop(listener);
        let mut server = BufReader::new(TcpStream::connect(("localhost", server)).unwrap());
        let mut info = String::new();
        server.read_line(&mut info).unwrap();
        let info = info.replacen('{', &format!(r#"{{"connect_urls":["127.0.0.1:{named}"],"#), 1);
        client.write_all(info.as_bytes()).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), server.get_ref().try_clone().unwrap());
        spawn(move || copy(&mut from, &mut to));
        // It ends with the server.
        let _ = copy(&mut server, &mut client);
        let _ = client.shutdown(Shutdown::Both);
    });
    port
}

#[test]
fn no_data_goes_unencrypted_to_an_advertised_server() {
    let Some(mut certified) = Certified::start() else { return };
    let (named, told) = listener();
    let port = between(certified.server.port(), named);
    let mut command = engine(["worker", "--cluster", &format!("tls://localhost:{port}")]);
    // The authority is one of the system's.
    command.env("SSL_CERT_FILE", certified.file("ca.pem")).stderr(Stdio::piped());
    let mut worker = command.spawn().unwrap();
    let mut lines = BufReader::new(worker.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("waiting for one")), "it has connected");
    certified.server.kill();
    let told = told.join().unwrap();
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(told, HANDSHAKE);
}
