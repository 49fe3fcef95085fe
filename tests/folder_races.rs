//! Random scripts of a function and another process in one folder.

#![cfg(target_os = "linux")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::folder_explorer::Explorer;
use crate::support::{hostile, runner};

/// A line: the other process's action, the granted folder, and calls, most with small operands.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let byte =
        || prop_oneof![3 => 0_u8..32, 1 => any::<u8>()].prop_map(|byte| if byte == b'\n' { 1 } else { byte });
    (0_u8..10, vec(byte(), 0..60)).prop_map(|(change, calls)| [vec![change, 0], calls].concat())
}

#[tokio::test]
async fn no_sequence_of_folder_changes_reaches_anything_beside_it() {
    let explorer = Explorer::new(hostile("calls").as_ref());
    let scripts: Vec<Vec<Vec<u8>>> = vec(vec(line(), 1..8), 100).new_tree(&mut runner(1)).unwrap().current();
    // The secret as a symlink, through a symlink, and in a swapped folder that is listed.
    let planted: [&[u8]; 3] = [
        &[5, 0, 2, 0, 1, 0, 0, 1, 5, 1, 3, 0],
        &[1, 0, 2, 0, 1, 13, 0, 1, 5, 1, 3, 0],
        &[2, 0, 2, 0, 1, 3, 2, 1, 11, 0, 1, 0, 11, 1, 0],
    ];
    for script in scripts.iter().map(|lines| lines.join(&b'\n')).chain(planted.map(<[u8]>::to_vec)) {
        explorer.explore(&script).await;
    }
    explorer.end().await;
}
