use engine_sdk::{filter, flat_map, map};

#[map]
fn one(_record: i64) {}

#[map]
fn unit(_record: i64) -> () {}

#[filter]
fn keep(_record: i64) {}

#[flat_map]
fn many(_record: i64) {}

fn main() {}
