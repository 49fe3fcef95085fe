//! What one instance holds of the host, and where its calls block.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{HasData, Resource, ResourceTable, ResourceTableError};
use wasmtime_wasi::p2::FsError;
use wasmtime_wasi::p2::bindings::filesystem::types::{Descriptor, ErrorCode};

use super::granted::GrantedFolders;
use super::node::{Folder, Node};
use crate::function::Capability;
use crate::function::capability::{Dir, Grant};
use crate::plugin::host::files::FunctionFiles;
use crate::plugin::host::quota::Disk;
use crate::plugin::host::resources::{Account, Charge, Resource as Held};
use crate::plugin::host::threads::FileThreads;
use crate::plugin::undeclared::{UndeclaredCall, UndeclaredCalls};

/// The folders that an instance was granted, and who pays for what it does in them.
pub(in crate::plugin) struct FileContext {
    pub(super) folders: Vec<Folder>,
    account: Arc<Account>,
    files: FunctionFiles,
    /// A close that takes longer is stuck.
    patience: Duration,
}

impl FileContext {
    /// Has the folders among `capabilities`, which were opened when they were granted.
    pub(in crate::plugin) fn open(
        capabilities: &[Capability],
        granted: &GrantedFolders,
        account: Arc<Account>,
        files: FunctionFiles,
        patience: Duration,
    ) -> wasmtime::Result<Arc<Self>> {
        let mut folders = Vec::new();
        for capability in capabilities {
            if let Capability::Dir(Dir { path, read_only, quota }) = capability {
                let quota = (!read_only).then(|| account.resources().disk.quota(path, *quota));
                let refused = |error| wasmtime::format_err!("dir:{}: {error}", path.display());
                let file = granted.get(path).map_err(refused)?;
                folders.push(Folder { file, name: path.to_string_lossy().into_owned(), quota });
            }
        }
        Ok(Arc::new(Self { folders, account, files, patience }))
    }

    pub(super) fn threads(&self) -> &FileThreads {
        &self.account.resources().threads
    }

    pub(super) fn disk(&self) -> &Arc<Disk> {
        &self.account.resources().disk
    }

    pub(in crate::plugin) fn charge(&self, held: Held, count: usize) -> Result<Charge, ErrorCode> {
        self.account.charge(held, count).map_err(|_| ErrorCode::InsufficientMemory)
    }

    /// Takes descriptors. Before it reports a shortage, it waits for closes of the function that can help: half of
    /// what a call may take at most, so that the call has time to act on the error.
    pub(super) async fn descriptors(&self, count: usize) -> Result<Charge, ErrorCode> {
        let take = || self.account.charge(Held::Descriptors, count);
        if let Ok(charge) = take() {
            return Ok(charge);
        }
        let charge = self.files.closes.retry(&self.account, self.patience / 2, take).await;
        charge.map_err(|_| ErrorCode::InsufficientMemory)
    }

    /// Does something to files on a thread, when it is this instance's turn.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, ErrorCode> + Send + 'static,
    ) -> Result<T, ErrorCode> {
        self.on_thread(job).await.unwrap_or(Err(ErrorCode::InsufficientMemory))
    }

    /// Does what may block on a thread, when it is this instance's turn; nothing if no thread can be had.
    pub(in crate::plugin) async fn on_thread<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turns = (self.account.turn().await, self.threads().turn(&self.files.lane).await);
        let job = move || {
            // They end with the call, though nobody may wait for it any more.
            let _turns = turns;
            job()
        };
        self.threads().run(&self.files.lane, job).ok()?.await
    }
}

/// What is dropped on a thread at a turn of the function that opened it, since closing may block.
pub(super) struct Open<T: Send + 'static> {
    /// Taken when it is dropped.
    inside: Option<T>,
    /// None if no function opened it.
    context: Option<Arc<FileContext>>,
}

impl<T: Send + 'static> Open<T> {
    pub(super) fn new(inside: T, context: Option<&Arc<FileContext>>) -> Self {
        Self { inside: Some(inside), context: context.cloned() }
    }
}

impl<T: Send + 'static> Deref for Open<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.inside.as_ref().expect("it is taken when it is dropped")
    }
}

impl<T: Send + 'static> Drop for Open<T> {
    fn drop(&mut self) {
        if let (Some(context), Some(inside)) = (self.context.take(), self.inside.take()) {
            let under_way = context.files.closes.begin(&context.account);
            // What is inside is dropped first.
            context.threads().close(&context.files.lane, context.patience, (inside, under_way));
        }
    }
}

/// The host's side of `wasi:filesystem` for one instance.
pub(in crate::plugin) struct Files<'a> {
    pub(super) table: &'a mut ResourceTable,
    /// None if it was granted no folder.
    pub(super) context: Option<&'a Arc<FileContext>>,
    pub(super) undeclared: &'a UndeclaredCalls,
}

/// Stands for all files where a function declared none and using one is a fault: a language looks paths up in the
/// folders that it was granted, and asks for nothing if there are none.
pub(super) struct UndeclaredFolder;

/// Files as the linker names them.
pub(in crate::plugin) struct GrantedFiles;

impl HasData for GrantedFiles {
    type Data<'a> = Files<'a>;
}

impl<'a> Files<'a> {
    pub(in crate::plugin) fn new(
        table: &'a mut ResourceTable,
        context: Option<&'a Arc<FileContext>>,
        undeclared: &'a UndeclaredCalls,
    ) -> Self {
        Self { table, context, undeclared }
    }

    /// Who without a folder has a handle to a file has made it up.
    pub(super) fn context(&self) -> Result<&'a Arc<FileContext>, FsError> {
        self.context.ok_or_else(|| ErrorCode::BadDescriptor.into())
    }

    pub(super) fn node(&self, handle: &Resource<Descriptor>) -> Result<Node, FsError> {
        // What the bindings call a descriptor is a node in our table.
        let key = Resource::<Node>::new_borrow(handle.rep());
        match self.table.get(&key) {
            Ok(node) => Ok(node.clone()),
            Err(_) if self.is_undeclared(handle) => {
                Err(FsError::trap(UndeclaredCall { capability: Dir::NAME }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a handle is that of the folder that stands for undeclared files.
    pub(super) fn is_undeclared(&self, handle: &Resource<Descriptor>) -> bool {
        self.table.get(&Resource::<UndeclaredFolder>::new_borrow(handle.rep())).is_ok()
    }

    pub(super) fn file(&self, handle: &Resource<Descriptor>) -> Result<Node, FsError> {
        self.node(handle)
            .and_then(|node| if node.is_folder() { Err(ErrorCode::BadDescriptor.into()) } else { Ok(node) })
    }

    pub(super) fn folder(&self, handle: &Resource<Descriptor>) -> Result<Node, FsError> {
        self.node(handle)
            .and_then(|node| if node.is_folder() { Ok(node) } else { Err(ErrorCode::NotDirectory.into()) })
    }

    /// A folder in which something may be changed.
    pub(super) fn writable_folder(&self, handle: &Resource<Descriptor>) -> Result<Node, FsError> {
        let folder = self.folder(handle)?;
        if folder.grant.is_none() { Err(ErrorCode::NotPermitted.into()) } else { Ok(folder) }
    }

    /// A file that may be changed.
    pub(super) fn writable_file(&self, handle: &Resource<Descriptor>) -> Result<Node, FsError> {
        let file = self.file(handle)?;
        if file.grant.is_none() { Err(ErrorCode::NotPermitted.into()) } else { Ok(file) }
    }

    /// Gives the guest a handle, unless it has as many as it may.
    pub(super) fn push<T: Send + 'static, R: 'static>(&mut self, entry: T) -> Result<Resource<R>, FsError> {
        match self.table.push(entry) {
            Ok(handle) => Ok(Resource::new_own(handle.rep())),
            Err(ResourceTableError::Full) => Err(ErrorCode::InsufficientMemory.into()),
            Err(error) => Err(FsError::trap(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::mpsc;
    use std::task::Poll;

    use tokio::time::Instant;

    use super::*;
    use crate::plugin::{GuestResources, TotalMemory};

    /// Descriptors that are given back when a file system lets go of them.
    struct SlowToClose {
        _charges: Vec<Charge>,
        released: mpsc::Receiver<()>,
    }

    impl Drop for SlowToClose {
        fn drop(&mut self) {
            let _ = self.released.recv();
        }
    }

    /// Two instances of one function.
    fn instances(patience: Duration) -> [Arc<FileContext>; 2] {
        let resources = GuestResources::new(TotalMemory::new(1 << 30));
        let (granted, files) = (GrantedFolders::default(), FunctionFiles::default());
        [(); 2].map(|()| {
            let account = Account::open(&resources).unwrap();
            FileContext::open(&[], &granted, account, files.clone(), patience).unwrap()
        })
    }

    /// As many as an instance can have.
    fn all_descriptors(context: &FileContext) -> Vec<Charge> {
        std::iter::from_fn(|| context.charge(Held::Descriptors, 1).ok()).collect()
    }

    #[tokio::test]
    async fn a_shortage_of_descriptors_waits_for_closes_under_way() {
        let [context, _] = instances(Duration::from_secs(60));
        let all = all_descriptors(&context);
        assert!(context.descriptors(1).await.is_err(), "nothing is being closed");
        let (release, released) = mpsc::channel::<()>();
        drop(Open::new(SlowToClose { _charges: all, released }, Some(&context)));
        let mut descriptors = pin!(context.descriptors(1));
        for _ in 0..100 {
            let is_pending = poll_fn(|cx| Poll::Ready(descriptors.as_mut().poll(cx).is_pending())).await;
            assert!(is_pending, "a close is under way");
            tokio::task::yield_now().await;
        }
        drop(release);
        assert!(descriptors.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_shortage_of_descriptors_is_an_error_while_a_close_is_stuck() {
        let limit = Duration::from_secs(60);
        let [context, _] = instances(limit);
        let (_release, released) = mpsc::channel::<()>();
        let all = all_descriptors(&context);
        drop(Open::new(SlowToClose { _charges: all, released }, Some(&context)));

        let began = Instant::now();
        let descriptors = tokio::time::timeout(limit, context.descriptors(1)).await;
        assert!(descriptors.expect("the call has time left").is_err());
        let waited = began.elapsed();
        assert!(context.descriptors(1).await.is_err());
        assert_eq!(began.elapsed(), waited, "it is known to be stuck");
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_at_its_limit_does_not_wait_for_closes_of_others() {
        let [context, other] = instances(Duration::from_secs(60));
        let (_release, released) = mpsc::channel::<()>();
        let charges = vec![other.charge(Held::Descriptors, 1).unwrap()];
        drop(Open::new(SlowToClose { _charges: charges, released }, Some(&other)));

        let began = Instant::now();
        let more_than_its_limit =
            tokio::time::timeout(Duration::from_secs(60), context.descriptors(usize::MAX));
        assert!(more_than_its_limit.await.expect("it does not wait").is_err());
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
