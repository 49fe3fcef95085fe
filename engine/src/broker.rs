//! The way to a NATS server: where it is, and how it lets somebody in.

use std::fmt;
use std::future::ready;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event, ServerAddr, ServerError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::Error;
use crate::deadlines::BROKER;
use crate::error::{BrokerError, FileError};
use crate::files;
use crate::net::tls;
use crate::net::url::shown;
use crate::text::{self, PlainText};

/// The most bytes that a file of credentials or certificates has.
const LONGEST: u64 = 1 << 20;

/// Servers before this version lose data that they had acknowledged, or can't do what is asked of them.
const OLDEST: (u64, u64) = (2, 11);

/// A server is asked so often whether it is there. One that has let it pass twice is left for another.
const PING: Duration = Duration::from_secs(3);

/// The address of a NATS server, or of several of one cluster, and what lets somebody in.
///
/// As text it is `nats://HOST[:PORT]`, or `tls://…` where nothing may go over an open connection; several stand
/// with commas between. The port is 4222 if none is named. No secret belongs there: a server that wants to know who
/// comes is given [`credentials`](Self::credentials).
///
/// ```
/// use engine::cluster::Broker;
///
/// let broker: Broker = "nats://one:4222,nats://two:4222".parse().unwrap();
/// assert_eq!(broker.to_string(), "nats://one:4222,nats://two:4222");
/// assert!("nats://me:secret@one".parse::<Broker>().is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Broker {
    servers: Vec<ServerAddr>,
    credentials: Option<PathBuf>,
    authority: Option<PathBuf>,
    refusals: Arc<Mutex<Refusals>>,
}

/// What servers did not permit.
#[derive(Debug, Default)]
struct Refusals {
    /// Each that was told.
    told: Vec<PlainText>,
    latest: Option<(PlainText, Instant)>,
}

/// Refusals of servers that a message lists at most.
const MOST_REFUSALS: usize = 8;

/// What goes wrong within this time of a refusal goes wrong because of it.
const RECENT: Duration = Duration::from_secs(15);

/// What a server says that does not permit something.
const REFUSAL: &str = "permissions violation";

impl FromStr for Broker {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let servers = text.split(',').map(|text| server(text.trim())).collect::<Result<_, _>>()?;
        Ok(Self { servers, credentials: None, authority: None, refusals: Arc::default() })
    }
}

fn server(text: &str) -> Result<ServerAddr, Error> {
    let wrong = |reason| Error::Broker(BrokerError::Address { address: shown(text), reason });
    let server: ServerAddr = text.parse().map_err(|_| wrong("write nats://HOST:PORT, or tls://HOST:PORT"))?;
    if server.host().is_empty() {
        return Err(wrong("write nats://HOST:PORT, or tls://HOST:PORT"));
    }
    if !matches!(server.scheme(), "nats" | "tls") {
        return Err(wrong("it begins with nats:// or tls://"));
    }
    if server.has_user_pass() || server.username().is_some() {
        return Err(wrong("secrets would be seen by everybody on this machine: put them into a file"));
    }
    Ok(server)
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, server) in self.servers.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}://{}:{}", server.scheme(), server.host(), server.port())?;
        }
        Ok(())
    }
}

impl Broker {
    /// The same, let in by a file: credentials as NATS' tools write them (a JWT and a seed), or the seed of an
    /// NKey alone.
    #[must_use]
    pub fn credentials(mut self, file: impl Into<PathBuf>) -> Self {
        self.credentials = Some(file.into());
        self
    }

    /// The same, with certificates in a file (PEM) that servers are known by, instead of those of the system.
    #[must_use]
    pub fn authority(mut self, file: impl Into<PathBuf>) -> Self {
        self.authority = Some(file.into());
        self
    }

    /// Connects, under a name that the server shows to people. A connection that breaks is made again for as
    /// long as the client lives.
    ///
    /// What is answered comes by subjects that begin with `inbox`, so that a server can keep them apart. `told` is
    /// given, for people and once each, what the server does not permit: who asks for that only waits in vain.
    pub(crate) async fn connect(
        &self,
        name: &str,
        inbox: &str,
        told: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Client, Error> {
        let broker = self.clone();
        let hear = move |event| {
            if let Some(refusal) = broker.note(event) {
                told(&format!("the broker refuses: {refusal}"));
            }
            ready(())
        };
        let options = self.options().await?.name(name).custom_inbox_prefix(inbox).event_callback(hear);
        // One that says nothing leaves time for the others.
        let each = BROKER.time / u32::try_from(self.servers.len()).unwrap_or(1);
        let options = options.connection_timeout(each).ping_interval(PING);
        let connected = BROKER.within(&self.to_string(), options.connect(&self.servers[..])).await;
        let client = match connected {
            Ok(connected) => connected.map_err(|error| self.kept_out(&error))?,
            Err(error) => return Err(self.lost(&error)),
        };
        let version = client.server_info().version;
        if !is_safe(&version) {
            return Err(Error::Broker(BrokerError::TooOld { address: self.to_string(), version }));
        }
        Ok(client)
    }

    /// Notes what a server does not permit, if it has not said so before.
    fn note(&self, event: Event) -> Option<PlainText> {
        let Event::ServerError(ServerError::Other(said)) = event else { return None };
        if !said.to_lowercase().contains(REFUSAL) {
            return None;
        }
        let said = PlainText::short(said);
        let mut refusals = self.refusals();
        refusals.latest = Some((said.clone(), Instant::now()));
        let is_new = refusals.told.len() < MOST_REFUSALS && !refusals.told.contains(&said);
        is_new.then(|| {
            refusals.told.push(said.clone());
            said
        })
    }

    /// It let nobody in, or was not there.
    fn kept_out(&self, error: &ConnectError) -> Error {
        let said = error.to_string();
        let reason = match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
                let who = match &self.credentials {
                    Some(file) => format!("the credentials in {}", text::path(file)),
                    None => "a client without credentials".to_owned(),
                };
                return Error::Broker(BrokerError::Rejected { address: self.to_string(), who });
            }
            // The client knows these by their texts alone.
            _ if said.contains("InvalidContentType") => "it does not speak TLS".to_owned(),
            _ if said.contains("UnknownIssuer") => match &self.authority {
                Some(file) => format!("its certificate is signed by no authority in {}", text::path(file)),
                None => "its certificate is signed by an unknown authority".to_owned(),
            },
            _ => said,
        };
        self.lost(&reason)
    }

    /// It could not be asked, or did not answer.
    pub(crate) fn lost(&self, error: &(impl fmt::Display + ?Sized)) -> Error {
        let unreachable = |address| {
            Error::Broker(BrokerError::Unreachable {
                address,
                source: Arc::new(Reason(error.to_string().into())),
            })
        };
        self.refused().unwrap_or_else(|| unreachable(self.to_string()))
    }

    /// Whether it has refused nothing of late.
    pub(crate) fn permits(&self) -> bool {
        self.refused().is_none()
    }

    /// The error of a broker that has not answered for this time.
    pub(crate) fn gone(&self, timeout: Duration) -> Error {
        self.refused()
            .unwrap_or_else(|| Error::Broker(BrokerError::NoAnswer { address: self.to_string(), timeout }))
    }

    /// What it did not permit of late: who asks for that gets no answer.
    fn refused(&self) -> Option<Error> {
        let refusals = self.refusals();
        let (refusal, since) = refusals.latest.as_ref()?;
        (since.elapsed() < RECENT).then(|| {
            Error::Broker(BrokerError::NotPermitted {
                address: self.to_string(),
                refusal: refusal.to_string(),
            })
        })
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn options(&self) -> Result<ConnectOptions, Error> {
        tls::prepare();
        // Servers name others, without saying how these are reached.
        let mut options =
            ConnectOptions::new().require_tls(self.servers.iter().any(ServerAddr::tls_required));
        if let Some(file) = &self.authority {
            // Otherwise it is reported as a connection that failed.
            let read = |source| Error::File(FileError::Read { path: file.clone(), source: Arc::new(source) });
            let text = files::read_at_most(file, LONGEST).map_err(read)?;
            if CertificateDer::pem_slice_iter(&text).next().is_none_or(|known| known.is_err()) {
                return Err(Error::Broker(BrokerError::NoCertificate { path: file.clone() }));
            }
            options = options.add_root_certificates(file.clone()).require_tls(true);
        }
        let Some(file) = &self.credentials else { return Ok(options) };
        let text = files::read_at_most(file, LONGEST)
            .and_then(|text| String::from_utf8(text).map_err(|_| io::ErrorKind::InvalidData.into()));
        let text = text.map_err(|source| {
            Error::File(FileError::Read { path: file.clone(), source: Arc::new(source) })
        })?;
        let seed = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        match seed {
            Some(seed) if seed.starts_with("SU") => Ok(options.nkey(seed.to_owned())),
            _ => {
                let wrong = |_| Error::Broker(BrokerError::NoCredentials { path: file.clone() });
                options.credentials(&text).map_err(wrong)
            }
        }
    }
}

/// Why a broker can't be reached, in full: the client's errors tell of their sources themselves.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Reason(PlainText);

/// Whether a server of this version keeps what it has acknowledged.
fn is_safe(version: &str) -> bool {
    let mut parts = version.split(['.', '-']).map_while(|part| part.parse::<u64>().ok());
    // One that says something else is somebody's own, who knows what it is.
    let Some(major) = parts.next() else { return true };
    (major, parts.next().unwrap_or(0)) >= OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_recognised_by_version() {
        let old = ["1.4.1", "2.9.25", "2.10.29", "2.10.0-beta.1"];
        let safe = ["2.11.0", "2.12.3-RC.1", "2.15.1", "3.0.0", "dev"];
        assert_eq!(old.map(is_safe), [false; 4]);
        assert_eq!(safe.map(is_safe), [true; 5]);
    }

    #[test]
    fn address_errors_say_what_to_write() {
        let said = |text: &str| text.parse::<Broker>().unwrap_err().to_string();
        let secret = said("nats://me:key@one:4222");
        assert!(secret.contains("nats://one:4222") && !secret.contains("key"), "{secret}");
        assert!(said("http://one").contains("nats://"));
        assert!(said("nats://").contains("write nats://HOST:PORT"));
        assert_eq!("one,tls://two:1".parse::<Broker>().unwrap().to_string(), "nats://one:4222,tls://two:1");
    }
}
