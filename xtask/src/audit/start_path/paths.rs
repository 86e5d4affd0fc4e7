//! What `os.path` and `pathlib` make of texts, without looking at any file.

use super::value::V;

/// `os.path.join(left, right)`.
pub fn join(left: &str, right: &str) -> String {
    if right.starts_with('/') || left.is_empty() {
        right.to_owned()
    } else if left.ends_with('/') {
        format!("{left}{right}")
    } else {
        format!("{left}/{right}")
    }
}

/// `os.path.dirname(path)`.
pub fn folder(path: &str) -> &str {
    let head = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default();
    match head.trim_end_matches('/') {
        // Nothing but slashes stays as it is.
        "" => head,
        folder => folder,
    }
}

/// `os.path.basename(path)`.
pub fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// `os.path.normpath(path)`.
pub fn normal(path: &str) -> String {
    let root = root(path);
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match (part, parts.last()) {
            ("..", None) if !root.is_empty() => {}
            ("..", Some(last)) if *last != ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    match format!("{root}{}", parts.join("/")) {
        empty if empty.is_empty() => ".".to_owned(),
        path => path,
    }
}

/// `os.path.splitext(path)`: dots at the beginning of a name begin no ending.
pub fn split_ending(path: &str) -> [String; 2] {
    let name = path.len() - base(path).len();
    let begins = base(path)
        .find(|character| character != '.')
        .map_or(path.len(), |at| name + at);
    let dot = path.rfind('.').filter(|at| *at > begins).unwrap_or(path.len());
    let (root, ending) = path.split_at(dot);
    [root.to_owned(), ending.to_owned()]
}

/// The text of a `Path` of a text; nothing for the working directory, which is shown as a dot.
pub fn of_text(text: &str) -> String {
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    format!("{}{}", root(text), parts.join("/"))
}

/// Two slashes at the beginning are another root, three are the usual one.
fn root(path: &str) -> &'static str {
    match path.len() - path.trim_start_matches('/').len() {
        0 => "",
        2 => "//",
        _ => "/",
    }
}

/// `Path(left) / right`.
pub fn below(left: &str, right: &str) -> String {
    of_text(&join(left, right))
}

/// `path.parts`.
pub fn parts(path: &str) -> Vec<V> {
    let names = path.split('/').filter(|part| !part.is_empty());
    let root = Some(root(path)).filter(|root| !root.is_empty());
    root.into_iter()
        .chain(names)
        .map(|part| V::Str(part.to_owned()))
        .collect()
}

/// `path.parent`.
pub fn parent(path: &str) -> String {
    match path.rfind('/') {
        None => String::new(),
        Some(at) if at < root(path).len() => root(path).to_owned(),
        Some(at) => path.get(..at).unwrap_or_default().to_owned(),
    }
}

/// `path.name`, `path.stem` and `path.suffix`.
pub fn part(path: &str, part: &str) -> Option<String> {
    let name = base(path);
    if matches!(name, "." | ".." | "") {
        return None;
    }
    let dot = name
        .rfind('.')
        .filter(|at| *at > 0 && at + 1 < name.len())
        .unwrap_or(name.len());
    let part = match part {
        "name" => name,
        "stem" => &name[..dot],
        "suffix" => &name[dot..],
        _ => return None,
    };
    Some(part.to_owned())
}

/// `path.with_name(part)` and `path.with_suffix(part)`.
pub fn renamed(path: &str, method: &str, part: &str) -> String {
    let (folder, name) = path
        .rsplit_once('/')
        .map_or((None, path), |(folder, name)| (Some(folder), name));
    let name = match method {
        "with_suffix" => {
            let stem = name.rfind('.').filter(|at| *at > 0).and_then(|at| name.get(..at));
            format!("{}{part}", stem.unwrap_or(name))
        }
        _ => part.to_owned(),
    };
    folder.map_or_else(|| name.clone(), |folder| format!("{folder}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_path_is_about_texts() {
        for (left, right, joined) in [
            ("a", "b", "a/b"),
            ("a/", "b", "a/b"),
            ("//", "a", "//a"),
            ("a", "/b", "/b"),
            ("", "b", "b"),
        ] {
            assert_eq!(join(left, right), joined);
        }
        for (path, name) in [
            ("/a/b/", "/a/b"),
            ("/", "/"),
            ("//a", "//"),
            ("a//b", "a"),
            ("a", ""),
            ("/a/b", "/a"),
            ("", ""),
        ] {
            assert_eq!(folder(path), name, "{path}");
        }
        for (path, plain) in [
            ("a", "a"),
            ("../a", "../a"),
            ("..", ".."),
            ("", "."),
            ("//a", "//a"),
            ("/../a", "/a"),
            ("a/./b/../c/", "a/c"),
            ("///a", "/a"),
        ] {
            assert_eq!(normal(path), plain, "{path}");
        }
        assert_eq!(split_ending("/x/.a.yaml"), ["/x/.a", ".yaml"]);
        assert_eq!(split_ending("/x.d/.a"), ["/x.d/.a", ""]);
        assert_eq!(split_ending("..a"), ["..a", ""]);
    }

    #[test]
    fn paths_of_pathlib_are_plain() {
        for (text, path) in [
            ("./a", "a"),
            ("a/", "a"),
            ("a//b", "a/b"),
            ("", ""),
            (".", ""),
            ("/", "/"),
            ("//a", "//a"),
            ("///a/../b", "/a/../b"),
        ] {
            assert_eq!(of_text(text), path, "{text}");
        }
        assert_eq!(below("x", "./a"), "x/a");
        assert_eq!(below("", "a"), "a");
        assert_eq!(below("/", "a"), "/a");
        assert_eq!(below("x", "/a"), "/a");
        for (path, above) in [
            ("/a/b", "/a"),
            ("/a", "/"),
            ("/", "/"),
            ("x", ""),
            ("a/b", "a"),
            ("//a", "//"),
            ("//", "//"),
        ] {
            assert_eq!(parent(path), above, "{path}");
        }
        assert_eq!(part("/a/b.tar.gz", "stem").as_deref(), Some("b.tar"));
        assert_eq!(renamed("/a/b.txt", "with_suffix", ".md"), "/a/b.md");
        assert_eq!(renamed("b", "with_name", "c"), "c");
    }
}
