//! The conversation with the warm interpreter, from its start to its end: one task, one request at a time.

use std::time::{Duration, Instant};

use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::wire::{self, Said};
use super::{Failure, News, Order, Request};
use crate::machine::Ended;
use crate::machine::crash::describe;
use crate::processes;
use crate::spawn::{Kept, Started};

/// How long a fork may take.
const FORK: Duration = Duration::from_secs(10);

/// What the conversation needs.
pub struct Talk {
    /// Our end of the socket.
    pub link: UnixStream,
    /// What it prints by itself: nothing, or it cannot stand for agents that would have printed it each.
    pub printed: Vec<Receiver>,
    /// How long the imports may take.
    pub patience: Duration,
    /// What it is to do.
    pub orders: mpsc::UnboundedReceiver<Order>,
    /// How many modules it imports.
    pub modules: usize,
}

impl Talk {
    /// Serves until the warm interpreter is of no use any more, says why, and gives back every request that it did not fulfil.
    pub async fn serve(mut self, tell: impl Fn(News)) {
        let mut waiting = Vec::new();
        let why = match self.preload(&mut waiting, &tell).await {
            Ok(()) => self.requests(&mut waiting, &tell).await,
            Err(why) => why,
        };
        tell(News::Lost(why.clone()));
        self.orders.close();
        while let Some(order) = self.orders.recv().await {
            if let Order::Start(request) = order {
                waiting.push(request);
            }
        }
        for request in waiting {
            tell(News::Launched(request.agent, Err(Failure::Lost(why.clone()))));
        }
    }

    async fn preload(&mut self, waiting: &mut Vec<Request>, tell: &impl Fn(News)) -> Result<(), String> {
        let began = Instant::now();
        let mut importing = None;
        loop {
            let left = self.patience.saturating_sub(began.elapsed());
            match timeout(left, wire::hear(&mut self.link)).await {
                Ok(Ok(Said::Importing(module))) => importing = Some(module),
                Ok(Ok(Said::Ready)) => break,
                Ok(Ok(Said::Refused(why))) => return Err(why),
                Ok(Ok(Said::Started(_) | Said::Failed(_)) | Err(_)) => {
                    let how = self.end(waiting).await;
                    return Err(match importing {
                        Some(module) => format!("the warm interpreter {how} while it imported {module}"),
                        None => format!("the warm interpreter {how} before it imported anything"),
                    });
                }
                Err(_) => {
                    let seconds = self.patience.as_secs_f64();
                    return Err(match importing {
                        Some(module) => format!("importing all modules took over {seconds} s; it was at {module}"),
                        None => format!("the warm interpreter said nothing within {seconds} s"),
                    });
                }
            }
        }
        let mut chunk = [0_u8; 200];
        for pipe in &self.printed {
            // Whatever was printed is in the pipe by now.
            let _ = timeout(Duration::ZERO, pipe.readable()).await;
            if let Ok(read @ 1..) = pipe.try_read(&mut chunk) {
                let text = String::from_utf8_lossy(&chunk[..read]);
                let line = text.lines().next().unwrap_or_default();
                return Err(format!("a module prints when it is imported: {line}"));
            }
        }
        tell(News::Ready(began.elapsed(), self.modules));
        Ok(())
    }

    /// Fulfils requests; returns why there will be no more.
    async fn requests(&mut self, waiting: &mut Vec<Request>, tell: &impl Fn(News)) -> String {
        loop {
            let request = match self.orders.recv().await {
                Some(Order::Start(request)) => request,
                Some(Order::Ended(ended)) => return died(ended),
                None => return "the supervisor stops".to_owned(),
            };
            let answer = async {
                wire::ask(&mut self.link, &request.words, &request.theirs).await?;
                wire::hear(&mut self.link).await
            };
            let result = match timeout(FORK, answer).await {
                Ok(Ok(Said::Started(pid))) if is_ours(pid) => Ok(pid),
                Ok(Ok(Said::Failed(why))) => Err(Failure::Fork(why)),
                Ok(_) => {
                    waiting.push(request);
                    return format!("the warm interpreter {}", self.end(waiting).await);
                }
                Err(_) => {
                    waiting.push(request);
                    return format!("the warm interpreter did not fork within {} s", FORK.as_secs());
                }
            };
            let [stdout, stderr] = request.readers;
            let link = request.link;
            let started = result.map(|pid| Kept {
                keeper: Started {
                    pid,
                    stdout,
                    stderr: Some(stderr),
                },
                link,
                order: Vec::new(),
            });
            tell(News::Launched(request.agent, started));
        }
    }

    /// Its socket is closed, so it is dead or dying: waits for how it ended.
    async fn end(&mut self, waiting: &mut Vec<Request>) -> String {
        while let Some(order) = self.orders.recv().await {
            match order {
                Order::Start(request) => waiting.push(request),
                Order::Ended(ended) => return describe(ended),
            }
        }
        "ended".to_owned()
    }
}

/// Whether a process is a child of this one: agents run as the same user, and might speak for the warm interpreter.
fn is_ours(pid: u32) -> bool {
    pid > 1 && processes::one(pid).is_none_or(|process| process.parent == std::process::id())
}

fn died(ended: Ended) -> String {
    format!("the warm interpreter {}", describe(ended))
}
