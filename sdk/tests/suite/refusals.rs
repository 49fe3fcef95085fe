//! What does not compile, and what rustc says then.

#[test]
fn errors_point_at_the_users_token() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
