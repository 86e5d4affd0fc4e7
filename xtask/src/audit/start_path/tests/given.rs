//! What agents are given by their startup config: words, variables, a module in place of a script.

use std::collections::BTreeMap;

use super::super::{flags, main_package};
use crate::stack::fixture::{Fixture, MAIN};

#[test]
fn lists_are_flags_with_several_words_and_modules_have_a_package() {
    let text = "core:\n- {name: Alpha, module: main.alpha, port: 5000, params: {a: [1, x y], b: {c: 1}, d: e}, env_vars: [F=g]}\n";
    let stack = Fixture::small().text(MAIN, text).model();
    let alpha = &stack.agents[0];
    let expected = [
        ("a", "1 x y"),
        ("b", r#"{"c":1}"#),
        ("d", "e"),
        ("health_check_port", "7000"),
        ("name", "Alpha"),
        ("port", "5000"),
    ];
    let expected: BTreeMap<String, String> = expected
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(flags(alpha), expected);
    assert_eq!(alpha.environment["F"], "g");
    assert_eq!(
        (alpha.module.as_deref(), alpha.script_path.as_str()),
        (Some("main.alpha"), "main/alpha.py")
    );
    assert_eq!(main_package("main.alpha", "main/alpha.py"), "main");
    assert_eq!(main_package("main.pack", "main/pack/__main__.py"), "main.pack");
    assert_eq!(main_package("alpha", "alpha.py"), "");
}
