//! What a guest finds around it: nothing but time that passes, and a place to leave messages.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::sockets::WasiSocketsCtxView;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::hints::Hints;
use super::meter::Meter;
use crate::plugin::capabilities::clock::GuestClock;
use crate::plugin::capabilities::dir::{FileContext, Files};
use crate::plugin::capabilities::give;
use crate::plugin::capabilities::grants::Grants;
use crate::plugin::capabilities::net::guest::{Connection, GuestNetwork};
use crate::plugin::capabilities::random::Bounded;
use crate::plugin::contract::engine::plugin::host::Host;
use crate::plugin::host::resources::HANDLES;
use crate::plugin::memory::Gauge;
use crate::plugin::output::{GuestStream, MessageStream, Messages, Output};

/// The state of one instance's store.
pub(crate) struct Sandbox {
    pub(in crate::plugin) wasi: WasiCtx,
    pub(in crate::plugin) table: ResourceTable,
    pub(in crate::plugin) gauge: Gauge,
    pub(in crate::plugin) meter: Arc<Meter>,
    pub(in crate::plugin) hints: Hints,
    /// A sink's records each have a deadline of their own, which `progress` starts.
    deadline_per_record: bool,
    /// None if it is the run's output.
    stdout: Option<Arc<MessageStream>>,
    stderr: Arc<MessageStream>,
    pub(in crate::plugin) grants: Grants,
    /// What it holds of the host; none if it was granted neither folders nor the network.
    pub(in crate::plugin) context: Option<Arc<FileContext>>,
    /// By their handles.
    pub(in crate::plugin) connections: HashMap<u32, Connection>,
}

impl Sandbox {
    /// `output` is where a sink's stdout goes; other functions have none.
    pub(in crate::plugin) fn new(
        gauge: Gauge,
        messages: Arc<Messages>,
        output: Option<Output>,
        grants: &Grants,
        context: Option<Arc<FileContext>>,
    ) -> Self {
        let deadline_per_record = output.is_some();
        let (out, stdout) = match output {
            Some(output) => (GuestStream::Output(output), None),
            None => {
                let stdout = MessageStream::new(messages.clone());
                (GuestStream::Messages(stdout.clone()), Some(stdout))
            }
        };
        let stderr = MessageStream::new(messages);
        let mut wasi = WasiCtx::builder();
        wasi.stdout(out).stderr(GuestStream::Messages(stderr.clone()));
        give(&mut wasi, grants, context.as_ref());
        let (wasi, grants) = (wasi.build(), grants.clone());
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let (meter, hints) = (Meter::new(), Hints::default());
        Self {
            wasi,
            table,
            gauge,
            meter,
            hints,
            deadline_per_record,
            stdout,
            stderr,
            grants,
            context,
            connections: HashMap::new(),
        }
    }

    /// The end of what the guest wrote to stderr.
    pub(in crate::plugin) fn stderr(&self) -> String {
        self.stderr.tail()
    }

    /// Shows the lines of messages that the guest has begun.
    pub(in crate::plugin) fn end_lines(&self) {
        self.stdout.iter().for_each(|stdout| stdout.end_line());
        self.stderr.end_line();
    }
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Host for Sandbox {
    fn progress(&mut self, done: u32) {
        if self.hints.progress(done) && self.deadline_per_record {
            self.meter.restart();
        }
    }

    fn panicked(&mut self, index: u32, message: String) {
        self.hints.panics(index, &message);
    }
}

impl Sandbox {
    pub(in crate::plugin) fn files(&mut self) -> Files<'_> {
        Files::new(&mut self.table, self.context.as_ref(), &self.grants.undeclared)
    }

    pub(in crate::plugin) fn clock(&mut self) -> GuestClock<'_> {
        GuestClock(&self.grants)
    }

    pub(in crate::plugin) fn random(&mut self) -> Bounded<'_> {
        Bounded::new(self.wasi.random())
    }

    pub(in crate::plugin) fn network(&mut self) -> GuestNetwork<'_> {
        GuestNetwork {
            sockets: WasiSocketsCtxView { ctx: self.wasi.sockets(), table: &mut self.table },
            hosts: &self.grants.hosts,
            undeclared: &self.grants.undeclared,
            context: self.context.as_ref(),
            connections: &mut self.connections,
        }
    }
}
