//! Mistakes that must not compile.

#[test]
fn a_missing_gather_and_wrong_types_do_not_compile() {
    trybuild::TestCases::new().compile_fail("../tests/ui/*.rs");
}
