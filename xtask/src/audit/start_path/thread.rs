//! Threads: what fails in one does not end the process, and a daemon does not keep it running.

use pysrc::{Call, Step};

use super::arguments::Arguments;
use super::failure::Flow;
use super::steps::any_step;
use super::value::{ModuleId, V};
use super::walk::{Thread, Walker};

impl Walker<'_> {
    /// `threading.Thread(target=…)`.
    pub fn new_thread(&mut self, arguments: &Arguments) -> V {
        self.escape(arguments);
        let target = arguments.named("target").or(arguments.positional.get(1)).cloned();
        self.threads.push(Thread {
            target: target.filter(|_| arguments.named("args").is_none() && arguments.named("kwargs").is_none()),
            daemon: matches!(arguments.named("daemon"), Some(V::Bool(true))),
        });
        V::Thread(self.threads.len() - 1)
    }

    /// `start()` and `join()` of a thread.
    pub fn thread_method(&mut self, here: ModuleId, call: &Call, id: usize, method: &str) -> Flow {
        if method == "join" {
            self.alive = true;
            self.waiting = true;
            return Flow::Next;
        }
        let Some(Thread { target, daemon }) = self.threads.get(id).cloned() else {
            return Flow::Next;
        };
        let (alive, waiting) = (self.alive, self.waiting);
        let none = Arguments {
            positional: Vec::new(),
            named: Vec::new(),
            open: true,
        };
        let tries = std::mem::take(&mut self.tries);
        self.maybe += 1;
        let goes_on = match &target {
            Some(V::Function(module, function) | V::Method(module, function, _)) => self
                .source(*module)
                .and_then(|source| source.functions.get(*function as usize))
                .is_some_and(|facts| any_step(&facts.body, &mut |step| matches!(step, Step::Loop(_)))),
            _ => false,
        };
        match target {
            Some(V::Function(module, function)) => {
                let _ = self.call_function(here, call, module, function, None, &none);
            }
            Some(V::Method(module, function, of)) => {
                let _ = self.call_function(here, call, module, function, Some(*of), &none);
            }
            _ => {}
        }
        self.maybe -= 1;
        self.tries = tries;
        self.waiting = waiting;
        self.alive = alive || !daemon;
        self.kept |= goes_on && !daemon;
        Flow::Next
    }
}
