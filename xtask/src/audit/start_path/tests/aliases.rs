//! Objects that have several names: what one sets by one of them is seen by the others. CPython 3.11 fails where `CannotStart` is
//! said, and goes on where `Starts` is.

use super::all_say;

const NODE: &str = "class Node:\n    def __init__(self):\n        self.name = None\n        self.next = None\n";
const ATTRIBUTE: &str = "CannotStart start/no-attribute";

/// What is done with nodes, and what is said of it.
#[track_caller]
fn nodes_say(cases: &[(&str, &str)]) {
    for (code, said) in cases {
        all_say(&[], &[(&format!("{NODE}{code}"), said)]);
    }
}

#[test]
fn attributes_that_are_set_by_another_name() {
    nodes_say(&[
        (
            "class A:\n    def __init__(self):\n        self.child = Node()\na = A()\na.child.name = 'x'\na.child.name.upper()",
            "Starts ",
        ),
        (
            "class A:\n    def __init__(self):\n        self.child = Node()\n        self.child.name = 'x'\n        child = self.child\n        child.name.upper()\nA()",
            "Starts ",
        ),
        (
            "class A:\n    def __init__(self):\n        self.child = Node()\n    def get(self):\n        return self.child\na = A()\na.get().name = 'x'\na.child.name.upper()",
            "Starts ",
        ),
        (
            "class A:\n    def __init__(self):\n        self.all = []\n    def add(self, one):\n        self.all.append(one)\n    def begin(self):\n        for one in self.all:\n            one.name = 'x'\na = A()\nn = Node()\na.add(n)\na.begin()\nn.name.upper()",
            "Starts ",
        ),
        (
            "class A:\n    all = []\n    def __init__(self):\n        self.name = None\n        self.all.append(self)\na = A()\nfor one in A.all:\n    one.name = 'x'\na.name.upper()",
            "Starts ",
        ),
        (
            "class A:\n    name = None\n    def __init__(self):\n        type(self).name = 'x'\na = A()\na.name.upper()",
            "Starts ",
        ),
        ("n = Node()\nn.name = 'x'\nn.name.upper()", "Starts "),
        ("n = Node()\nn.name.upper()", ATTRIBUTE),
        (
            "n = Node()\nother = Node()\nother.name = 'x'\nn.name.upper()",
            ATTRIBUTE,
        ),
    ]);
}

/// A circular import on a way that may not be taken is none: modules begin in another order where it is not.
#[test]
fn circles_on_ways_that_may_not_be_taken() {
    let files = [
        ("main/own/__init__.py", "from main.own.first import First\n"),
        ("main/own/later.py", "from main.own import First\n"),
        ("main/own/now.py", "from main.own.later import First\n"),
    ];
    let first = |how: &str| {
        format!("import os\ndef lazily():\n    from main.own.later import First\n{how}\nclass First:\n    pass\n")
    };
    for (how, said) in [
        ("if os.getpid() == 1:\n    lazily()", "Starts "),
        ("lazily()", "CannotStart start/cannot-import-name"),
    ] {
        let first = first(how);
        let mut all = vec![("main/own/first.py", first.as_str())];
        all.extend(files);
        all_say(&all, &[("import main.own", said)]);
    }
}

#[test]
fn loops_that_go_from_one_to_the_next() {
    let list = "class Nodes:\n    def __init__(self):\n        self.head = None\n    def add(self):\n        new = Node()\n        if self.head is None:\n            self.head = new\n            return\n        last = self.head\n        while last.next:\n            last = last.next\n        last.next = new\nnodes = Nodes()\nnodes.add()\nnodes.add()\nnodes.add()\nnodes.add()\n";
    for (code, said) in [
        ("nodes.head.next.next.next.next", "Starts "),
        ("third = nodes.head.next.next.next\nthird.name", "Starts "),
    ] {
        nodes_say(&[(&format!("{list}{code}"), said)]);
    }
}
