//! Carries out what is ordered in the dashboard, each order in a thread of its own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc::SyncSender};
use std::thread::Scope;
use std::time::Duration;

use contract::order::Order;

use super::name;
use crate::boot::orders::{Subject, participle};
use crate::cmd::orders::{deadline, parts};
use crate::cmd::{Context, ownership};
use crate::dashboard::{Event, Message};
use crate::host::boot::orders::{Operator, Seen, Until};
use crate::host::podman::hosts::Hosts;
use crate::host::system::{lock, parallel, process};
use crate::report::findings::counted;
use crate::stack::Stack;

/// How often it is looked whether all orders are given.
const GLANCE: Duration = Duration::from_millis(20);

/// Who carries orders out.
pub struct Operators<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    stack: &'env Stack,
    hosts: &'env Hosts,
    context: &'env Context,
    events: SyncSender<Event>,
    /// Orders that are on their way to a supervisor.
    given: Arc<AtomicUsize>,
}

impl<'scope, 'env> Operators<'scope, 'env> {
    /// Nobody has ordered anything yet.
    pub fn new(
        scope: &'scope Scope<'scope, 'env>,
        stack: &'env Stack,
        hosts: &'env Hosts,
        context: &'env Context,
        events: SyncSender<Event>,
    ) -> Self {
        Self {
            scope,
            stack,
            hosts,
            context,
            events,
            given: Arc::default(),
        }
    }

    /// Gives an order, and tells what became of it.
    pub fn order(&self, order: Order, subject: Subject) {
        let (stack, hosts, context) = (self.stack, self.hosts, self.context);
        let (events, given) = (self.events.clone(), Arc::clone(&self.given));
        given.fetch_add(1, Ordering::SeqCst);
        self.scope.spawn(move || {
            let told = carry_out(order, subject, stack, hosts, context, &events, &given);
            let is_error = told.is_err();
            let text = told.unwrap_or_else(|why| why);
            // Nobody listens any more where this fails.
            let _ = events.send(Event::Carried(order, subject, Message { text, is_error }));
        });
    }

    /// Waits until every order has reached its supervisor, or has failed.
    pub fn wait_until_given(&self) {
        while self.given.load(Ordering::SeqCst) > 0 && !process::interrupted() {
            std::thread::sleep(GLANCE);
        }
    }
}

/// Says that an order has been given, however that ended.
struct Giving<'a>(&'a AtomicUsize);

impl Drop for Giving<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn carry_out(
    order: Order,
    subject: Subject,
    stack: &Stack,
    hosts: &Hosts,
    context: &Context,
    events: &SyncSender<Event>,
    given: &AtomicUsize,
) -> Result<String, String> {
    let word = order.word();
    let parts = parts(order, subject, stack);
    let operator = Operator::new(stack, hosts, order);
    let asked = {
        let _giving = Giving(given);
        ownership::require_all(context, stack, hosts, word, false)
            .map_err(|failure| failure.message.unwrap_or_else(|| format!("cannot {word}")))?;
        let waiting = |whom: &str| drop(events.send(Event::Waits(whom.to_owned())));
        let _lock = lock::take(&stack.name, word, waiting).map_err(|error| error.to_string())?;
        parallel::map(parts.len(), &parts, |part| operator.ask(*part))
    };
    let results = parallel::map(asked.len(), &asked, |asked| match asked {
        Ok(asked) => operator.see(asked, Until::Started, deadline(order, None, stack, asked.subject())),
        Err(why) => Err(why.clone()),
    });
    said(order, subject, stack, &parts, &results)
}

/// What became of all of it, in one line.
fn said(
    order: Order,
    subject: Subject,
    stack: &Stack,
    parts: &[Subject],
    results: &[Result<Seen, String>],
) -> Result<String, String> {
    let failed = results.iter().filter(|result| result.is_err()).count();
    let first = parts.iter().zip(results).find_map(|(part, result)| {
        let why = result.as_ref().err()?;
        Some(format!("{} {why}", name(stack, *part)))
    });
    match (first, results) {
        (Some(first), [_]) => Err(first),
        (Some(first), _) => Err(format!(
            "{failed} of {} not {}: {first}",
            results.len(),
            participle(order)
        )),
        (None, [Ok(Seen::Done(done))]) => Ok(format!("{} {done}", participle(order))),
        (None, [Ok(Seen::Already(why))]) => Ok(format!("{} {why}", name(stack, subject))),
        (None, all) => {
            let of = name(stack, subject);
            Ok(format!("{} {} of {of}", participle(order), counted(all.len(), "agent")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::fixture::Fixture;

    #[test]
    fn what_became_of_an_order_is_one_line() {
        let stack = Fixture::small().model();
        let core = stack.find_group("core").unwrap();
        let group = Subject::Group(core);
        let parts = parts(Order::Stop, group, &stack);
        assert_eq!(parts.len(), 2);
        let done = || Ok(Seen::Done("agent Alpha".to_owned()));
        let told =
            |results: &[Result<Seen, String>]| said(Order::Stop, group, &stack, &parts[..results.len()], results);
        assert_eq!(told(&[done()]), Ok("stopped agent Alpha".to_owned()));
        assert_eq!(told(&[done(), done()]), Ok("stopped 2 agents of group core".to_owned()));
        let why = || Err("is not stopped: why".to_owned());
        assert_eq!(told(&[why()]), Err("agent Alpha is not stopped: why".to_owned()));
        let both = told(&[done(), why()]);
        assert_eq!(
            both,
            Err("1 of 2 not stopped: agent Beta is not stopped: why".to_owned())
        );
        let already = [Ok(Seen::Already("is stopped already".to_owned()))];
        assert_eq!(told(&already), Ok("group core is stopped already".to_owned()));
    }
}
