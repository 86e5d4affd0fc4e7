//! `cargo xtask audit lsp`: the audit as a language server. The editor's text goes over that of the disk, and what it does not touch is
//! parsed once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use lsp_server::{Message, Notification, Request, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use super::seen::{self, Found, Seen};
use super::{Args, output, report_of};
use crate::audit::Report;
use crate::audit::memory::Memory;
use crate::audit::pipeline;
use crate::audit::scope::Scope;
use crate::cmd::{Context, Failure, Outcome};
use crate::host::system::editor::Editor;
use crate::report::audit::editor as show;
use crate::report::exit::Exit;

/// What of a path does not stand for itself in an address.
const RESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Serves until the editor says that it is enough.
///
/// # Errors
/// When the editor does not speak the protocol.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(
            Exit::WrongUse,
            format!("the editor does not speak the protocol: {error}"),
        )
    };
    let editor = Editor::greet(&json!({
        "textDocumentSync": {"openClose": true, "change": 1, "save": true},
        "codeActionProvider": {"codeActionKinds": ["quickfix", "source.fixAll"]},
    }))
    .map_err(|error| failed(&error))?;
    let mut session = Session {
        args,
        context,
        editor,
        unsaved: BTreeMap::new(),
        shown: BTreeSet::new(),
        memory: Memory::default(),
        last: Report::default(),
        folders: Folders::default(),
    };
    session.audit();
    loop {
        let messages = session.editor.next();
        if messages.is_empty() {
            return Ok(Exit::Success);
        }
        let (mut requests, mut changed) = (Vec::new(), false);
        for message in messages {
            match message {
                Message::Notification(notification) => changed |= session.note(&notification),
                Message::Request(request) => requests.push(request),
                Message::Response(_) => {}
            }
        }
        if changed {
            session.audit();
        }
        for request in requests {
            if session.editor.is_farewell(&request).map_err(|error| failed(&error))? {
                session
                    .editor
                    .close()
                    .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
                return Ok(Exit::Success);
            }
            let response = session.answer(&request);
            session.editor.send(response);
        }
    }
}

/// An editor's session.
struct Session<'a> {
    args: &'a Args,
    context: &'a Context,
    editor: Editor,
    /// Texts that the editor has open, saved or not.
    unsaved: BTreeMap<PathBuf, String>,
    /// Addresses that have diagnostics.
    shown: BTreeSet<String>,
    memory: Memory,
    last: Report,
    folders: Folders,
}

/// Where paths of findings start.
#[derive(Debug, Default)]
struct Folders {
    repository: PathBuf,
    tree: PathBuf,
    /// What paths of the tree begin with, as findings name them.
    prefix: String,
}

impl Folders {
    fn of(seen: &Seen, context: &Context) -> Self {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Self {
            repository: real(context.repository.root()),
            tree: real(&context.tree_path(&seen.stack)),
            prefix: seen.stack.shown_prefix(),
        }
    }

    /// The file that a finding names.
    fn file(&self, path: &str) -> PathBuf {
        let of_tree = path.strip_prefix(&self.prefix).map(|path| self.tree.join(path));
        match of_tree {
            Some(file) if !self.prefix.is_empty() || file.exists() => file,
            _ => self.repository.join(path),
        }
    }

    /// The path in the tree of a file.
    fn in_tree(&self, file: &Path) -> Option<String> {
        Some(file.strip_prefix(&self.tree).ok()?.to_str()?.to_owned())
    }
}

impl Session<'_> {
    /// Takes in what the editor tells; whether there is something to audit.
    fn note(&mut self, notification: &Notification) -> bool {
        let params = &notification.params;
        let document = &params["textDocument"];
        let Some(file) = document["uri"].as_str().and_then(file_of) else {
            return notification.method == "workspace/didChangeWatchedFiles";
        };
        let text = match notification.method.as_str() {
            "textDocument/didOpen" => &document["text"],
            // The whole text: what was agreed on.
            "textDocument/didChange" => &params["contentChanges"][0]["text"],
            "textDocument/didClose" => {
                self.unsaved.remove(&file);
                return true;
            }
            "textDocument/didSave" => return true,
            _ => return false,
        };
        if let Some(text) = text.as_str() {
            self.unsaved.insert(file, text.to_owned());
        }
        true
    }

    /// What is on the disk and in the editor now.
    fn read(&mut self) -> Outcome<Found> {
        let found = seen::read(self.args, self.context, &self.memory)?;
        let Found::Stack(seen) = found else {
            return Ok(found);
        };
        self.folders = Folders::of(&seen, self.context);
        let texts = self.unsaved.iter();
        let texts = texts.filter_map(|(file, text)| Some((self.folders.in_tree(file)?, text.clone().into_bytes())));
        Ok(Found::Stack(Box::new(seen.with_unsaved(texts.collect()))))
    }

    /// Audits, and tells the editor what is found where. What cannot be audited now is said, and leaves what was shown.
    fn audit(&mut self) {
        let report = self
            .read()
            .and_then(|found| report_of(self.args, self.context, found, Some(&self.memory)));
        self.memory.look_again();
        match report {
            Ok(report) => self.publish(report),
            Err(failure) => {
                let message = failure.message.unwrap_or_else(|| "the stack has errors".to_owned());
                let params = json!({"type": 1, "message": format!("audit: {message}")});
                self.editor
                    .send(Notification::new("window/logMessage".to_owned(), params));
            }
        }
    }

    fn publish(&mut self, report: Report) {
        let pages = output::pages(self.context);
        let address = |path: &str| uri_of(&self.folders.file(path));
        let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (path, diagnostics) in show::diagnostics(&report, &pages, &address) {
            all.entry(address(path)).or_default().extend(diagnostics);
        }
        let gone = std::mem::replace(&mut self.shown, all.keys().cloned().collect());
        for uri in gone {
            all.entry(uri).or_default();
        }
        for (uri, diagnostics) in all {
            let params = json!({"uri": uri, "diagnostics": diagnostics});
            self.editor
                .send(Notification::new("textDocument/publishDiagnostics".to_owned(), params));
        }
        self.last = report;
    }

    fn answer(&mut self, request: &Request) -> Response {
        if request.method != "textDocument/codeAction" {
            let message = format!("`{}` is not supported", request.method);
            return Response::new_err(
                request.id.clone(),
                lsp_server::ErrorCode::MethodNotFound as i32,
                message,
            );
        }
        let params = &request.params;
        let uri = params["textDocument"]["uri"].as_str().unwrap_or_default();
        let line = |end: &str| {
            params["range"][end]["line"]
                .as_u64()
                .and_then(|line| u32::try_from(line).ok())
                .unwrap_or(0)
        };
        let wanted = line("start")..line("end");
        let mut actions = file_of(uri).map_or_else(Vec::new, |file| self.actions(&file, uri, &wanted));
        if let Some(only) = params["context"]["only"].as_array() {
            let is_wanted = |kind: &str| {
                only.iter()
                    .filter_map(Value::as_str)
                    .any(|only| kind == only || kind.starts_with(&format!("{only}.")))
            };
            actions.retain(|action| action["kind"].as_str().is_some_and(is_wanted));
        }
        Response::new_ok(request.id.clone(), actions)
    }

    fn actions(&mut self, file: &Path, uri: &str, wanted: &Range<u32>) -> Vec<Value> {
        let fixed = match self.read() {
            Ok(Found::Stack(seen)) => {
                seen.with_input_again(Scope::default(), None, Some(&self.memory), pipeline::fixes)
            }
            _ => Vec::new(),
        };
        let in_tree = self.folders.in_tree(file);
        let fixed = fixed.iter().find(|fixed| Some(&fixed.path) == in_tree.as_ref());
        let named = self.last.findings.iter().map(|finding| finding.place.path.as_str());
        let path = named
            .clone()
            .find(|path| self.folders.file(path) == file)
            .unwrap_or_default();
        show::actions(&self.last, path, fixed, uri, wanted)
    }
}

/// The file of an address, as far as it has one.
fn file_of(uri: &str) -> Option<PathBuf> {
    let path = uri.strip_prefix("file://")?;
    let path = PathBuf::from(percent_decode_str(path).decode_utf8().ok()?.into_owned());
    Some(path.canonicalize().unwrap_or(path)).filter(|path| path.is_absolute())
}

/// The address of a file.
pub fn uri_of(file: &Path) -> String {
    format!("file://{}", utf8_percent_encode(&file.to_string_lossy(), &RESERVED))
}

#[cfg(test)]
mod tests {
    use super::{file_of, uri_of};

    #[test]
    fn addresses_and_files_are_the_same_both_ways() {
        for path in ["/no/such/a b/é#?%.py", "/x.py"] {
            let uri = uri_of(path.as_ref());
            assert_eq!(file_of(&uri), Some(path.into()), "{uri}");
        }
        assert_eq!(uri_of("/a b/é".as_ref()), "file:///a%20b/%C3%A9");
        assert_eq!(file_of("file:///a%3Ab"), Some("/a:b".into()));
        for other in ["untitled:Untitled-1", "file://", "git:/a.py"] {
            assert_eq!(file_of(other), None, "{other}");
        }
    }
}
