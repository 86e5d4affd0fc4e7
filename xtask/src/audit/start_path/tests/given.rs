//! What agents are given by their startup config: words, variables, a module in place of a script.

use std::collections::BTreeMap;

use super::super::{flags, main_package};
use super::{GOOD, alpha_of};
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

#[test]
fn a_flag_that_takes_no_word_is_passed_alone_and_followed() {
    let script = format!(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--port')\np.add_argument('--health_check_port')\n\
         p.add_argument('--name')\np.add_argument('--verbose', action='store_true')\n\
         options = p.parse_args()\nif not options.verbose:\n    never_defined()\n{GOOD}"
    );
    let said = |params: &str| {
        let params = format!("    port: 5000\n    params: {{{params}}}\n");
        let mut fixture = Fixture::small().file(MAIN, "    port: 5000\n", &params);
        fixture
            .texts
            .insert("main/alpha.py".to_owned(), script.clone().into_bytes());
        alpha_of(&fixture.model(), &[("main/alpha.py", &script)]).0
    };
    assert!(said("verbose: true").starts_with("Starts"), "{}", said("verbose: true"));
    let without = said("verbose: false");
    assert!(without.contains("never_defined"), "{without}");
    let wrong = said("verbose: loud");
    assert!(wrong.contains("it rejects `--verbose's value`"), "{wrong}");
}
