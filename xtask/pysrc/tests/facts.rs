//! Each fact, from a few lines of source.

use pysrc::*;

const VERSION: PythonVersion = PythonVersion::USUAL;

fn module(source: &str) -> Module {
    read(source.as_bytes(), VERSION)
}

fn good(source: &str) -> Module {
    let module = module(source);
    assert_eq!(module.syntax_errors, [], "{source}");
    module
}

#[test]
fn imports_and_their_guards() {
    let module = good(
        "import os.path as p, sys\n\
         from . import a\n\
         from ..b.c import d as e, f\n\
         from g import *\n\
         try:\n    import h\nexcept ImportError:\n    h = None\n\
         try:\n    import i\nexcept ImportError:\n    raise SystemExit(1)\n\
         if TYPE_CHECKING:\n    import j\n\
         def k():\n    import l\n    importlib.import_module('m.n')\n",
    );
    let shown: Vec<String> = module
        .imports
        .iter()
        .map(|import| {
            format!(
                "{}{} {} {} {}{}{}{}",
                ".".repeat(import.level as usize),
                import.module,
                import.name.as_deref().unwrap_or("-"),
                import.binds.map_or("-", |name| module.name(name)),
                if import.guard.catches_import_error {
                    "caught "
                } else {
                    ""
                },
                if import.guard.type_checking { "types " } else { "" },
                if import.guard.conditional { "maybe " } else { "" },
                if import.guard.function { "function " } else { "" },
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "os.path - p ",
            "sys - sys ",
            ". a a ",
            "..b.c d e ",
            "..b.c f f ",
            "g * - ",
            "h - h caught ",
            "i - i ",
            "j - j types maybe ",
            "l - l function ",
            "m.n - - function ",
        ]
    );
    assert_eq!(
        module.position(module.imports[1].span),
        Position {
            line: 1,
            column: 22,
            width: 3
        }
    );
}

#[test]
fn bindings_all_classes_functions() {
    let module = good(
        "__all__ = ['A'] + []\n__all__ = ['A', 'f']\n__all__ += ['g']\n\
         class A(Base, metaclass=M):\n    x = 1\n    def f(self, a, /, b, c=2, *d, e, **g):\n        self.port = 5570\n\
         async def f():\n    global made\n    made = 1\n\
         if x:\n    y = 1\n\
         for z, (w, *v) in []: pass\n\
         with open('a.txt') as u: pass\n",
    );
    assert_eq!(module.all, Some(vec!["A".into(), "f".into(), "g".into()]));
    let names: Vec<&str> = module.bindings.iter().map(|b| module.name(b.name)).collect();
    assert_eq!(
        names,
        [
            "__all__", "__all__", "__all__", "A", "f", "made", "y", "z", "w", "v", "u"
        ]
    );
    let class = &module.classes[0];
    assert!(class.unusual);
    let method = &module.functions[class.methods[0] as usize];
    assert_eq!(method.parameters.all.len(), 5);
    assert_eq!(
        (method.parameters.positional_only, method.parameters.positional),
        (2, 4)
    );
    assert!(method.parameters.star.is_some() && method.parameters.double_star.is_some());
    assert!(module.functions[1].is_async);
    let attributes: Vec<_> = module.attributes.iter().map(|a| (&*a.name, &a.value)).collect();
    assert_eq!(attributes, [("x", &Value::Int(1)), ("port", &Value::Int(5570))]);
}

#[test]
fn endpoints_files_environment_launches_and_paths() {
    let module = good(
        "import os, sys\n\
         sys.path.insert(0, os.path.dirname(__file__))\n\
         sock.bind('tcp://*:5570')\n\
         sock.connect(f'tcp://localhost:{port}')\n\
         sock.bind('tcp://%s:%d' % (host, 5571))\n\
         sock.bind('tcp://127.0.0.1:{}'.format(5572))\n\
         s.bind(('0.0.0.0', 5573))\n\
         sock.bind('tcp://<BIND_ADDR>:5574')\n\
         os.environ.get('A', 'b'); os.environ['C']; os.getenv('D')\n\
         subprocess.Popen([sys.executable, 'agents/x.py', '--flag'])\n\
         subprocess.run(['python', '-m', 'pkg.mod'])\n\
         logging.FileHandler('logs/a.log')\n\
         open('b.txt', 'w'); open('c.txt')\n\
         logging.basicConfig(filename='d.log')\n",
    );
    let endpoints: Vec<_> = module
        .endpoints
        .iter()
        .map(|e| (e.bind, e.host.as_deref(), e.literal_port()))
        .collect();
    assert_eq!(
        endpoints,
        [
            (true, Some("*"), Some(5570)),
            (false, Some("localhost"), None),
            (true, None, Some(5571)),
            (true, Some("127.0.0.1"), Some(5572)),
            (true, Some("0.0.0.0"), Some(5573)),
            (true, Some("<BIND_ADDR>"), Some(5574)),
        ]
    );
    assert_eq!(module.path_edits.len(), 1);
    assert!(module.path_edits[0].first);
    let environment: Vec<_> = module.environment.iter().map(|e| (&*e.name, e.required)).collect();
    assert_eq!(environment, [("A", false), ("C", true), ("D", false)]);
    let launches: Vec<_> = module.launches.iter().map(|l| (&l.script, l.is_module)).collect();
    assert_eq!(
        launches,
        [
            (&Value::Str("agents/x.py".into()), false),
            (&Value::Str("pkg.mod".into()), true)
        ]
    );
    let opens: Vec<_> = module.opens.iter().map(|o| (&o.path, o.writes)).collect();
    assert_eq!(
        opens,
        [
            (&Value::Str("logs/a.log".into()), true),
            (&Value::Str("b.txt".into()), true),
            (&Value::Str("c.txt".into()), false),
            (&Value::Str("d.log".into()), true),
        ]
    );
    assert!(module.strings.iter().any(|s| s.looks == StringKind::Placeholder));
}

#[test]
fn known_tests_and_endless_loops() {
    let module = good(
        "import sys\n\
         if sys.version_info >= (3, 8):\n    a = 1\nelse:\n    b = 1\n\
         if __name__ == '__main__':\n    while True:\n        pass\n",
    );
    let tests: Vec<&Test> = module
        .body
        .iter()
        .filter_map(|step| match step {
            Step::Branch(branch) => Some(&branch.test),
            _ => None,
        })
        .collect();
    assert_eq!(tests, [&Test::Known(true), &Test::Main]);
    assert!(module.main_block.is_some());
}

#[test]
fn a_broken_file_still_says_what_is_before_and_after_the_break() {
    let module = module("import before\ndef f(:\n    pass\nclass\nimport after\nx = tcp(\n");
    assert!(!module.parses());
    let names: Vec<&str> = module.imports.iter().map(|i| &*i.module).collect();
    assert_eq!(names, ["before", "after"]);
    let place = module.position(module.syntax_errors[0].span);
    assert_eq!(place.line, 2);
    assert_eq!(module.line_text(2), "def f(:");
}

#[test]
fn the_target_version_counts() {
    let source = b"match x:\n    case 1: pass\n";
    assert!(read(source, VERSION).parses());
    assert!(!read(source, PythonVersion { major: 3, minor: 9 }).parses());
}

#[test]
fn positions_count_characters() {
    let module = good("é = 'ü'; import ö\r\nimport b\r\n");
    let place = module.position(module.imports[0].span);
    assert_eq!((place.line, place.column, place.width), (1, 17, 1));
    assert_eq!(module.line_text(1), "é = 'ü'; import ö");
    assert_eq!(module.position(module.imports[1].span).line, 2);
}

#[test]
fn positions_on_a_line_of_megabytes_are_right_and_quick() {
    // Quick enough that a count from the line's start for each would not end within this test's patience.
    let names = 200_000;
    let text = format!("é = [{}]\n", "'é/a.py', ".repeat(names));
    let module = good(&text);
    assert_eq!(module.strings.len(), names);
    for (index, string) in module.strings.iter().enumerate() {
        let place = module.position(string.span);
        assert_eq!(
            (place.line as usize, place.column as usize, place.width),
            (1, 6 + index * 10, 8)
        );
    }
    assert_eq!(module.shown_line(1), "");
}

#[test]
fn locals_globals_and_hidden_names() {
    let module = good(
        "def f(a):\n    global g\n    g = 1\n    b = [x for x in a]\n    c = lambda y: y\n    def n(): nonlocal b\n    return b\n",
    );
    let function = module.functions.iter().find(|f| &*f.name == "f").unwrap();
    let mut locals: Vec<&str> = function.locals.iter().map(|name| module.name(*name)).collect();
    locals.sort_unstable();
    assert_eq!(locals, ["a", "b", "c", "n"]);
    let loads: Vec<&str> = function
        .body
        .iter()
        .filter_map(|step| match step {
            Step::Load { name, .. } => Some(module.name(*name)),
            _ => None,
        })
        .collect();
    assert_eq!(loads, ["a", "b"]);
}

#[test]
fn what_only_the_compiler_refuses() {
    let module = good(
        "return 1\nwhile a:\n    break\nbreak\ndef f(a, a): await b\nasync def g(): await h\nyield 1\nk = lambda: (yield)\n",
    );
    let found: Vec<_> = module
        .compile_errors
        .iter()
        .map(|error| (module.position(error.span).line, &*error.message))
        .collect();
    assert_eq!(
        found,
        [
            // Names are looked at before code is made.
            (5, "duplicate argument 'a' in function definition"),
            (1, "'return' outside function"),
            (4, "'break' outside loop"),
            (5, "'await' outside async function"),
            (7, "'yield' outside function"),
        ]
    );
}

#[test]
fn the_first_error_is_the_one_that_cpython_names() {
    for (source, line, message) in [
        ("import os\nfrom a import (b,\n  c\nx = 1\n", 2, "'(' was never closed"),
        ("x = [1,\n", 1, "'[' was never closed"),
        (
            "x = (1]\n",
            1,
            "closing parenthesis ']' does not match opening parenthesis '('",
        ),
        (
            "def f():\n\n# why\nx = 1\n",
            4,
            "expected an indented block after function definition",
        ),
        ("if a:\n\n\n", 3, "expected an indented block after `if` statement"),
        ("x = a b\ny = 'c\n", 2, "missing closing quote in string literal"),
        ("  x = 1\ny = 'c\n", 1, "unexpected indentation"),
    ] {
        let module = read(source.as_bytes(), VERSION);
        let first = &module.syntax_errors[0];
        assert_eq!(
            (module.position(first.span).line, &*first.message),
            (line, message),
            "{source:?}"
        );
    }
}
