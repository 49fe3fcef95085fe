use engine_sdk::map;

struct Counter;

impl Counter {
    #[map]
    fn count(&self, record: i64) -> i64 {
        record
    }
}

fn main() {}
