//! `audit lsp`, with a client as an editor is one: diagnostics of what is typed, and actions whose edits do what they say.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::init::{AGENT, plant};
use crate::sandbox::Sandbox;

/// An editor.
struct Client {
    server: Child,
    out: BufReader<ChildStdout>,
    next: u64,
}

impl Client {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut server = sandbox
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(server.stdout.take().unwrap());
        let mut client = Self { server, out, next: 0 };
        let said = client.ask(
            "initialize",
            json!({"capabilities": {}, "processId": null, "rootUri": null}),
        );
        assert_eq!(said["capabilities"]["textDocumentSync"]["change"], 1, "{said:#}");
        client.tell("initialized", json!({}));
        client
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let stdin = self.server.stdin.as_mut().unwrap();
        write!(stdin, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        stdin.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Value) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert_ne!(self.out.read_line(&mut line).unwrap(), 0, "the server went away");
            match line.trim().split_once(": ") {
                Some(("Content-Length", text)) => length = text.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut bytes = vec![0; length];
        self.out.read_exact(&mut bytes).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let id = self.next;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let message = self.read();
            if message["id"] == id {
                return message["result"].clone();
            }
        }
    }

    /// The diagnostics of a file, as soon as they are what is wanted.
    fn diagnostics(&mut self, uri: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        loop {
            let message = self.read();
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri {
                let found = message["params"]["diagnostics"].as_array().unwrap();
                if wanted(found) {
                    return found.clone();
                }
            }
        }
    }

    fn end(mut self) {
        assert_eq!(self.ask("shutdown", Value::Null), Value::Null);
        self.tell("exit", Value::Null);
        assert_eq!(self.server.wait().unwrap().code(), Some(0));
    }
}

/// A text with an action's edits of that file, the last first.
fn applied(text: &str, action: &Value, uri: &str) -> String {
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut edits = action["edit"]["changes"][uri].as_array().unwrap().clone();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit["range"]["start"]["line"].as_u64()));
    for edit in edits {
        let line = |end: &str| usize::try_from(edit["range"][end]["line"].as_u64().unwrap()).unwrap();
        lines.splice(
            line("start")..line("end"),
            [edit["newText"].as_str().unwrap().to_owned()],
        );
    }
    lines.concat()
}

const STARTUP: &str = "services:
- name: one
  script_path: one.py
  port: 6000
- name: two
  script_path: two.py
  port: 6002
  health_check_port: 6102
";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    let files = [
        ("startup.yaml", STARTUP),
        ("one.py", AGENT),
        ("two.py", AGENT),
        ("requirements.txt", "pyzmq\n"),
    ];
    plant(&sandbox.path("a tree"), &files);
    assert_eq!(sandbox.run(&["init", "--tree", "a tree"]).code, 0);
    sandbox
}

#[test]
fn what_is_typed_is_audited_before_it_is_saved() {
    let sandbox = sandbox();
    let uri = format!("file://{}", sandbox.path("a tree/one.py").display()).replace(' ', "%20");
    let mut client = Client::start(&sandbox, &["audit", "lsp", "--tree", "a tree"]);
    let broken = format!("x = 'é😀'; import jsonn\n{AGENT}");
    client.tell(
        "textDocument/didOpen",
        json!({"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": broken}}),
    );
    let missing = |found: &[Value]| found.iter().any(|one| one["code"] == "start/module-not-found");
    let found = client.diagnostics(&uri, missing);
    let one = found
        .iter()
        .find(|one| one["code"] == "start/module-not-found")
        .unwrap();
    assert!(
        one["message"].as_str().unwrap().contains("No module named 'jsonn'"),
        "{one:#}"
    );
    // In UTF-16 units: the character outside of the first plane is two.
    let range = json!({"start": {"line": 0, "character": 18}, "end": {"line": 0, "character": 23}});
    assert_eq!((&one["range"], &one["severity"]), (&range, &1.into()), "{one:#}");
    // An agent that is silenced is silenced by the comment that the action writes.
    let params = json!({"textDocument": {"uri": uri}, "range": range, "context": {"diagnostics": [one]}});
    let actions = client.ask("textDocument/codeAction", params);
    let silence = actions
        .as_array()
        .unwrap()
        .iter()
        .find(|action| action["title"].as_str().unwrap().starts_with("Silence start/"));
    let text = applied(&broken, silence.unwrap(), &uri);
    assert!(
        text.starts_with("# audit: ignore[start/module-not-found] say why\nx = "),
        "{text}"
    );
    client.tell(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": text}]}),
    );
    client.diagnostics(&uri, |found| !missing(found));
    client.tell(
        "textDocument/didChange",
        json!({"textDocument": {"uri": uri, "version": 3}, "contentChanges": [{"text": broken}]}),
    );
    client.diagnostics(&uri, missing);
    // What was never saved is gone with the window.
    client.tell("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
    client.diagnostics(&uri, <[Value]>::is_empty);
    let unknown = client.ask("textDocument/hover", json!({}));
    assert_eq!(unknown, Value::Null, "what is not supported is answered all the same");
    client.end();
}

#[test]
fn fixes_are_those_of_the_command_line() {
    let sandbox = sandbox();
    let file = sandbox.path("a tree/startup.yaml");
    let uri = format!("file://{}", file.display()).replace(' ', "%20");
    let mut client = Client::start(&sandbox, &["audit", "lsp", "--tree", "a tree"]);
    let range = json!({"start": {"line": 3, "character": 0}, "end": {"line": 3, "character": 0}});
    let ask = |kinds: Value| json!({"textDocument": {"uri": uri}, "range": range, "context": {"diagnostics": [], "only": kinds}});
    let actions = client.ask("textDocument/codeAction", ask(json!(["source.fixAll"])));
    let [action] = actions.as_array().unwrap().as_slice() else {
        panic!("{actions:#}");
    };
    let fixed = applied(STARTUP, action, &uri);
    assert!(fixed.contains("  port: 6000\n  health_check_port: "), "{fixed}");
    let kinds = client.ask("textDocument/codeAction", ask(json!(["quickfix"])));
    assert!(
        kinds
            .as_array()
            .unwrap()
            .iter()
            .all(|action| action["kind"] == "quickfix"),
        "{kinds:#}"
    );
    client.end();
    assert_eq!(
        sandbox
            .run(&["audit", "--tree", "a tree", "--fix", "--allow-dirty"])
            .code,
        0
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), fixed);
}
