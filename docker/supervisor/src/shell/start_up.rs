//! The start-up check: what can be told at once, and the modules that only the interpreter can look for.

use std::io;
use std::time::Duration;

use contract::status::StartupCheck;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

use super::Shell;
use crate::checks::{self, describe};
use crate::machine::Event;
use crate::message::Message;
use crate::{assets, environment, gpu, spawn};

/// How long the interpreter may take to look for modules.
const MODULES: Duration = Duration::from_secs(60);
/// The same for PyTorch, which is large.
const TORCH: Duration = Duration::from_secs(180);

impl Shell {
    pub(super) fn start_up_check(&mut self) {
        let mut report = checks::check(&self.config, environment::variable);
        // Before the first agent is started: it may open them at once.
        let assets = assets::place::bring(&self.config);
        let missing = assets.iter().filter(|asset| !asset.ok);
        report.failures.extend(missing.map(|_| false));
        report.checks.extend(assets);
        for check in &report.checks {
            self.output.say(&describe(check));
        }
        self.checks = report.checks;
        self.python = report.python;
        for (agent, reason) in report.unstartable {
            self.feed(Event::Unstartable { agent, reason });
        }
        for required in report.failures {
            self.feed(Event::CheckFailed { required });
        }
        if !report.unknown_modules.is_empty() {
            self.ask_for_modules(report.unknown_modules);
        }
        if report.asks_torch {
            self.ask(&gpu::torch_question(), TORCH, Message::Torch);
        }
    }

    /// Starts the interpreter to look for modules, beside the agents.
    fn ask_for_modules(&mut self, modules: Vec<String>) {
        let words = checks::module_question(&modules);
        self.ask(&words, MODULES, move |text| {
            let said = text.and_then(|text| {
                let said = text.strip_suffix("done\n")?;
                Some(said.lines().map(str::to_owned).collect())
            });
            Message::Modules(modules, said)
        });
    }

    /// Asks the interpreter one thing. `reap` takes its end; here only its words count.
    fn ask(
        &mut self,
        words: &[String],
        limit: Duration,
        answer: impl FnOnce(Option<String>) -> Message + Send + 'static,
    ) {
        let Some(python) = &self.python else { return };
        let pipe = spawn::python_line(&self.config, python, words)
            .and_then(|started| Ok((started.pid, Receiver::from_owned_fd(started.stdout)?)));
        self.questions.extend(pipe.as_ref().ok().map(|(pid, _)| *pid));
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let text = match pipe {
                Ok((pid, pipe)) => {
                    let text = timeout(limit, read_all(pipe)).await.ok();
                    if text.is_none() {
                        spawn::kill_group(pid);
                    }
                    text
                }
                Err(_) => None,
            };
            let _ = sender.send(answer(text));
        });
    }

    pub(super) fn torch(&mut self, answer: Option<&str>) {
        let check = gpu::torch_check(answer);
        self.output.say(&describe(&check));
        let ok = check.ok;
        self.checks.push(check);
        if !ok {
            let required = self.config.gpu.is_some_and(|gpu| gpu.required);
            self.feed(Event::CheckFailed { required });
        }
    }

    pub(super) fn modules(&mut self, asked: &[String], missing: Option<Vec<String>>) {
        for module in asked {
            let check = match &missing {
                Some(missing) => checks::module_check(module, !missing.contains(module)),
                None => StartupCheck {
                    name: format!("module {module}"),
                    ok: false,
                    detail: "the interpreter could not be asked".to_owned(),
                },
            };
            self.output.say(&describe(&check));
            let ok = check.ok;
            self.checks.push(check);
            if !ok {
                self.feed(Event::CheckFailed { required: true });
            }
        }
    }
}

async fn read_all(pipe: Receiver) -> String {
    let mut text = Vec::new();
    let mut chunk = [0_u8; 1024];
    while text.len() < 64 * 1024 && pipe.readable().await.is_ok() {
        match pipe.try_read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => text.extend(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
