//! Two functions of one name, in two modules: it is unclear which is meant.

mod one {
    use engine_sdk::map;

    /// The first.
    #[map]
    fn same(record: &str) -> &str {
        record
    }
}

mod other {
    use engine_sdk::map;

    /// The second.
    #[map]
    fn same(record: &str) -> String {
        record.to_uppercase()
    }
}
