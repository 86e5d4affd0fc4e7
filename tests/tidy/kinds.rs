//! Each kind of smoke check is one file, and nothing outside that file knows of it.

use crate::{sources, without_tests};

const FOLDER: &str = "xtask/src/smoke/kinds/";

/// Files that may name a kind's own module, and which: what it measures is reported, too.
const NAMED_BY: [(&str, &str); 1] = [("xtask/src/host/smoke/measure.rs", "resources")];

/// What is wrong with where a kind is known, given the files below `xtask/src`.
fn wrong(files: &[(String, String)]) -> Vec<String> {
    let in_folder = |path: &str| path.strip_prefix(FOLDER).map(str::to_owned);
    let kinds: Vec<String> = files
        .iter()
        .filter_map(|(path, _)| in_folder(path)?.strip_suffix(".rs").map(str::to_owned))
        .filter(|name| name != "mod")
        .collect();
    let registry = files.iter().find(|(path, _)| path.ends_with("smoke/kinds/mod.rs"));
    let registry = registry.map_or("", |(_, text)| text);
    let mut wrong = Vec::new();
    for kind in &kinds {
        if !registry.contains(&format!("    {kind}::KIND,\n")) {
            wrong.push(format!("`{kind}` is not in `KINDS`"));
        }
        let own = format!("{FOLDER}{kind}.rs");
        let text = files.iter().find(|(path, _)| *path == own).map_or("", |(_, text)| text);
        if !text.contains(&format!("name: \"{kind}\"")) {
            wrong.push(format!("`{own}` has another name than its kind"));
        }
        let type_name: String = kind.split('_').map(capitalised).collect();
        for (path, text) in files {
            let allowed = *path == own || path.ends_with("smoke/kinds/mod.rs");
            let named = NAMED_BY.iter().any(|(by, what)| path == by && what == kind);
            if allowed || named {
                continue;
            }
            let text = without_tests(text);
            let forms = [
                format!("kinds::{kind}"),
                format!("downcast_ref::<{type_name}>"),
                format!("kind == \"{kind}\""),
                format!("kind.name == \"{kind}\""),
            ];
            for form in forms.iter().filter(|form| text.contains(form.as_str())) {
                wrong.push(format!("`{path}` has `{form}`"));
            }
        }
    }
    // A kind is told by a word only where it is reported. Within the folder, other things have kinds, too.
    let outside = |path: &str| path.contains("smoke") && !path.starts_with(FOLDER);
    for (path, text) in files.iter().filter(|(path, _)| outside(path)) {
        for form in [
            "match check.kind",
            "match kind.name",
            "match spec.kind",
            "check.action {",
        ] {
            if without_tests(text).contains(form) {
                wrong.push(format!("`{path}` has `{form}`"));
            }
        }
    }
    wrong
}

fn capitalised(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

#[test]
fn a_kind_of_check_is_one_file_and_one_line() {
    assert_eq!(wrong(&sources("xtask/src")), Vec::<String>::new());
}

#[test]
fn a_kind_that_is_known_elsewhere_is_seen() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let own = || file("xtask/src/smoke/kinds/two_words.rs", "name: \"two_words\"");
    let registry = || file("xtask/src/smoke/kinds/mod.rs", "    two_words::KIND,\n");
    assert_eq!(wrong(&[own(), registry()]), Vec::<String>::new());
    assert_eq!(wrong(&[own()]), ["`two_words` is not in `KINDS`"]);
    for elsewhere in [
        "use crate::smoke::kinds::two_words::TwoWords;",
        "action.downcast_ref::<TwoWords>()",
        "if check.kind == \"two_words\" {",
        "match check.kind {",
    ] {
        let files = [own(), registry(), file("xtask/src/host/smoke/runner.rs", elsewhere)];
        assert_eq!(wrong(&files).len(), 1, "{elsewhere}");
    }
    let renamed = [file("xtask/src/smoke/kinds/two_words.rs", "name: \"one\""), registry()];
    assert_eq!(wrong(&renamed).len(), 1);
}
