//! What the supervisor of another container says of one of its agents: whether it has failed, so that nobody waits for it in
//! vain. It is asked over HTTP, with hard limits; what it cannot tell changes nothing.

use std::time::Duration;

use contract::status::{AgentStanding, AgentState, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

use crate::address::Target;
use crate::client;
use crate::probe::{self, Pace};

/// Bytes of a reply, at most.
const LONGEST: u64 = 16 * 1024;

/// Asks for ever; `changed` is told each answer that differs from the one before, the first one if it is a failure.
pub async fn follow(supervisor: Target, agent: String, patience: Duration, mut changed: impl FnMut(Option<Failure>)) {
    let start = Instant::now();
    let mut last = None;
    loop {
        if let Some(now) = timeout(patience, ask(&supervisor, &agent, patience))
            .await
            .ok()
            .flatten()
            && now.failure != last
        {
            last = now.failure;
            changed(now.failure);
        }
        sleep(Pace::SUPERVISOR.delay(start.elapsed())).await;
    }
}

/// Asks until the supervisor says that the agent is up; `silent` gets what it says meanwhile, whenever that changes.
pub async fn until_up(supervisor: Target, agent: String, patience: Duration, mut silent: impl FnMut(String)) {
    let start = Instant::now();
    let mut last = String::new();
    loop {
        let standing = timeout(patience, ask(&supervisor, &agent, patience))
            .await
            .ok()
            .flatten();
        let reason = match standing {
            Some(standing) if is_up(standing.state) => return,
            Some(standing) => format!("its supervisor says that it is {}", standing.state.name()),
            None => format!("its supervisor at {supervisor} does not say how it is"),
        };
        if reason != last {
            last.clone_from(&reason);
            silent(reason);
        }
        sleep(Pace::ELSEWHERE.delay(start.elapsed())).await;
    }
}

fn is_up(state: AgentState) -> bool {
    state.is_up()
}

async fn ask(supervisor: &Target, agent: &str, patience: Duration) -> Option<AgentStanding> {
    let mut stream = probe::open(supervisor, patience).await.ok()?;
    let text = format!("GET /agents/{agent} HTTP/1.1\r\nHost: supervisor\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.ok()?;
    let mut reply = Vec::new();
    stream.take(LONGEST).read_to_end(&mut reply).await.ok()?;
    read(&reply, agent)
}

/// What a reply says of that agent; nothing where it is no reply of a supervisor, or about another agent.
#[must_use]
pub fn read(reply: &[u8], agent: &str) -> Option<AgentStanding> {
    let reply = client::parse(std::str::from_utf8(reply).ok()?)?;
    let standing: AgentStanding = (reply.code == 200).then(|| serde_json::from_str(&reply.body).ok())??;
    (standing.name == agent).then_some(standing)
}

#[cfg(test)]
mod tests {
    use contract::status::Failure;

    use super::read;

    #[test]
    fn only_a_reply_about_the_agent_counts() {
        let reply = |code: &str, name: &str, failure: &str| {
            let body = format!(r#"{{"name":"{name}","state":"failed","failure":{failure}}}"#);
            format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        };
        let seen = |text: String| read(text.as_bytes(), "A").map(|standing| standing.failure);
        assert_eq!(seen(reply("200", "A", r#""given_up""#)), Some(Some(Failure::GivenUp)));
        assert_eq!(seen(reply("200", "A", "null")), Some(None));
        for wrong in [
            reply("404", "A", r#""given_up""#),
            reply("200", "B", r#""given_up""#),
            reply("200", "A", r#""tired""#),
            "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
            "SSH-2.0-x\r\n\r\n{}".to_owned(),
        ] {
            assert_eq!(seen(wrong.clone()), None, "{wrong}");
        }
        assert!(read(b"\xff\xfe", "A").is_none());
    }
}
