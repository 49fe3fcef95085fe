//! Stages that call plugins' functions, locally or on the pool.

use super::support::{given, through};

#[test]
fn functions_run_locally_or_on_the_pool() {
    let inc = "[stages.inc]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n";
    assert_eq!(given(inc, "1 2"), ["2", "3"]);
    let scattered = format!("[stages.scatter]\n{inc}[stages.buffer]\nn = 8\n[stages.gather]\n");
    assert_eq!(given(&scattered, "1 2"), ["2", "3"]);
    let words = "[stages.flat_map]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"words\"\n\
                 [stages.filter]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"long\"\nargs = { letters = 3 }\n";
    let did = through(words, "be brief\nor not\n");
    assert_eq!(did.stdout, "brief\nnot\n", "{}", did.stderr);
}

#[test]
fn remove_drops_what_filter_keeps() {
    let long = |stage: &str| {
        format!(
            "[stages.{stage}]\nplugin = \"$PLUGINS/words.wasm\"\nfunction = \"long\"\nargs = {{ letters = 3 }}\n"
        )
    };
    assert_eq!(given(&long("filter"), "a long or short"), ["long", "short"]);
    assert_eq!(given(&long("remove"), "a long or short"), ["a", "or"]);
    assert_eq!(given(&long("remove"), "longer words"), [""; 0]);
    let scattered = format!("[stages.scatter]\n{}[stages.buffer]\nn = 9\n[stages.gather]\n", long("remove"));
    assert_eq!(given(&scattered, "a long or short"), ["a", "or"]);
}

#[test]
fn accumulators_keep_one_state_or_one_per_key() {
    let stage = |function: &str, more: &str| {
        format!(
            "[stages.accumulate]\nplugin = \"$HOSTILE/misdeeds.wasm\"\nfunction = \"{function}\"\n{more}\n"
        )
    };
    assert_eq!(given(&stage("product", ""), "2 3 4"), ["2", "6", "24"]);
    let scattered =
        format!("[stages.scatter]\n{}[stages.buffer]\nn = 9\n[stages.gather]", stage("product", ""));
    assert_eq!(given(&scattered, "2 3 4"), ["2", "6", "24"]);
    let counted = given(&stage("numbered", "key = \"/k/0\""), "{\"k\":[1]} {\"k\":[2]} {\"k\":[1,0]}");
    assert_eq!(counted, ["1:{\"k\":[1]}", "1:{\"k\":[2]}", "2:{\"k\":[1,0]}"]);
}

#[test]
fn nodes_between_scattered_functions_see_records_in_order() {
    let inc = |name: &str| format!("[stages.{name}]\ntype = \"map\"\nplugin = \"$PLUGINS/inc.wasm\"\n");
    let stages = format!(
        "[stages.scatter]\n{}[stages.slice]\nstep = 2\n{}[stages.partition]\nn = 2\n[stages.buffer]\nn = 16\n[stages.gather]",
        inc("first"),
        inc("second")
    );
    let numbers: Vec<_> = (0..100).map(|x: i64| x.to_string()).collect();
    let pairs: Vec<_> = (0..25).map(|x| format!("[{},{}]", 4 * x + 2, 4 * x + 4)).collect();
    assert_eq!(given(&stages, &numbers.join(" ")), pairs);
}
