//! Sources that read from outside the program.

mod arrivals;
mod channel;
mod compressed;
mod counting;
mod csv;
#[cfg(feature = "cluster")]
mod deliveries;
mod feed;
mod files;
mod folder;
mod follow;
#[cfg(feature = "net")]
mod http;
mod layout;
mod lines;
#[cfg(feature = "cluster")]
mod nats;
mod ndjson;
mod periodic;
#[cfg(feature = "cluster")]
mod post;
#[cfg(feature = "net")]
mod posted;
mod process;
mod rows;
mod splitter;
mod tcp;
#[cfg(feature = "net")]
mod websocket;

pub use channel::{Channel, Sender, channel};
pub use csv::{Csv, csv};
pub use feed::Feed;
pub use files::{Files, files};
pub use folder::{Folder, folder};
#[cfg(all(any(fuzzing, test), feature = "net"))]
pub(crate) use http::serve_one;
#[cfg(feature = "net")]
pub use http::{Http, http};
pub use layout::Layout;
pub use lines::{Lines, Mark, dead_letters, lines};
#[cfg(feature = "cluster")]
pub use nats::{Nats, nats};
pub use ndjson::ndjson;
pub use periodic::{Periodic, periodic};
pub use process::{Process, process};
pub use rows::Reading;
pub use tcp::{Tcp, tcp};
#[cfg(all(any(fuzzing, test), feature = "net"))]
pub(crate) use websocket::messages;
#[cfg(feature = "net")]
pub use websocket::{WebSocket, websocket};
