//! Mistakes that do not compile.

#[test]
fn a_forgotten_gather_and_wrong_types() {
    trybuild::TestCases::new().compile_fail("../tests/ui/*.rs");
}
