//! What `with` statements run at their end, whatever ends them. CPython 3.11 fails where `CannotStart` is said, at that place, and
//! goes on where `Starts` is.

use super::all_say;

const NAME: &str = "CannotStart start/undefined-name";
const ATTRIBUTE: &str = "CannotStart start/no-attribute";

/// A manager whose `__exit__` is this.
fn with_exit(exit: &str, statements: &str) -> String {
    format!(
        "class A:\n    def __enter__(self):\n        return self\n    def __exit__(self, kind, value, trace):\n        {exit}\n{statements}"
    )
}

#[test]
fn what_is_managed_is_left_at_the_end() {
    let with = "with A() as a:\n    pass\n";
    let turn = "import os\nfor name in ('a', 'b'):\n    with A():\n        continue\nding";
    let cases = [
        (with_exit("ding", with), NAME),
        (with_exit("self.gone.close()", with), ATTRIBUTE),
        (with_exit("self.gone = 1", &format!("{with}a.gone\n")), "Starts "),
        (with_exit("pass", &format!("{with}a.gone\n")), ATTRIBUTE),
        (with_exit("kind.lower()", with), ATTRIBUTE),
        (with_exit("return kind is None", &format!("{with}ding")), NAME),
        (
            with_exit("ding", "def f():\n    with A():\n        return 1\nf()"),
            NAME,
        ),
        (with_exit("pass", turn), NAME),
        (with_exit("raise SystemExit(0)", with), "CannotStart start/"),
        // Told of what was raised.
        (
            with_exit(
                "self.seen = kind",
                "try:\n    with A() as a:\n        1 / 0\nexcept ZeroDivisionError:\n    a.seen",
            ),
            "Starts ",
        ),
        (with_exit("return True", "with A() as a:\n    1 / 0\n"), "Starts "),
        (with_exit("kind and kind.lower()", with), "Starts "),
    ];
    let cases: Vec<(&str, &str)> = cases.iter().map(|(script, said)| (script.as_str(), *said)).collect();
    all_say(&[], &cases);
}

#[test]
fn each_of_several_is_managed_within_those_before_it() {
    let quiet = "import contextlib\nclass Q:\n    def __enter__(self):\n        return self\n    def __exit__(self, *what):\n        return True\nclass L:\n    def __enter__(self):\n        return self\n    def __exit__(self, *what):\n        ding\n";
    let cases = [
        (format!("{quiet}with Q(), L():\n    pass"), "Starts "),
        (format!("{quiet}with L(), Q():\n    pass"), NAME),
        (
            format!("{quiet}with Q(), contextlib.suppress(KeyError):\n    ding"),
            "Starts ",
        ),
        (
            format!("{quiet}with contextlib.suppress(KeyError), open('/dev/null'):\n    ding"),
            NAME,
        ),
        (
            format!("{quiet}with contextlib.suppress(NameError), L():\n    pass"),
            "Starts ",
        ),
    ];
    let cases: Vec<(&str, &str)> = cases.iter().map(|(script, said)| (script.as_str(), *said)).collect();
    all_say(&[], &cases);
}

#[test]
fn asynchronous_managers_run_what_they_await() {
    let made = "import asyncio\nclass A:\n    async def __aenter__(self):\n        self.pool = 1\n        return self\n    async def __aexit__(self, *what):\n        self.pool.close()\n";
    let main = "async def main():\n    async with A() as a:\n        a.POOL\nasyncio.run(main())";
    let leaves = "async def main():\n    async with A() as a:\n        a.pool\nasyncio.run(main())";
    let cases = [
        (format!("{made}{main}"), ATTRIBUTE),
        (format!("{made}{leaves}"), ATTRIBUTE),
    ];
    let cases: Vec<(&str, &str)> = cases.iter().map(|(script, said)| (script.as_str(), *said)).collect();
    all_say(&[], &cases);
}

#[test]
fn what_lies_outside_of_the_tree_may_have_been_made() {
    let kept = "import shutil\nclass Kept(dict):\n    def __enter__(self):\n        return self\n    def __exit__(self, *what):\n        with open('/tmp/kept.json.tmp', 'w') as file:\n            file.write('{}')\n        shutil.move('/tmp/kept.json.tmp', '/tmp/kept.json')\nwith Kept() as kept:\n    kept['a'] = 1\n";
    let script = format!("{kept}with open('/tmp/kept.json') as file:\n    print(file.read())");
    all_say(&[], &[(&script, "Starts ")]);
    all_say(&[], &[("open('/tmp/kept.json')", "MayNot start/missing-file")]);
}
