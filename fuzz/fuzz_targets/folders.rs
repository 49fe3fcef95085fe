//! Whatever a guest and another process do in a granted folder by turns, nothing outside it is read or changed.
//!
//! The guest is `plugins/hostile/calls`, in the file that `ENGINE_CALLS` names. tests/folder_explorer.rs describes its
//! inputs.
#![no_main]

#[path = "../../tests/folder_explorer.rs"]
mod folder_explorer;

use std::cell::RefCell;
use std::path::Path;

use folder_explorer::Explorer;
use libfuzzer_sys::fuzz_target;

/// The number of scripts for one folder: what others remove from it still counts as the function's.
const SCRIPTS: u32 = 200;

thread_local! {
    static EXPLORER: RefCell<(u32, Option<Explorer>)> = const { RefCell::new((0, None)) };
}

fuzz_target!(|script: &[u8]| {
    EXPLORER.with_borrow_mut(|(done, explorer)| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        if done.is_multiple_of(SCRIPTS)
            && let Some(explorer) = explorer.take()
        {
            runtime.block_on(explorer.end());
        }
        *done += 1;
        let explorer = explorer.get_or_insert_with(|| {
            let path = std::env::var_os("ENGINE_CALLS")
                .expect("`cargo xtask fuzz folders` builds it, and says where");
            Explorer::new(Path::new(&path))
        });
        runtime.block_on(explorer.explore(script));
    });
});
