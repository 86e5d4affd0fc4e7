//! A page in headless Chromium, as a reader's browser sees it. Nothing of it touches the network or the user's profile.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::host::system::process::{self, Program};

/// Chromium's program on this host.
fn chromium() -> PathBuf {
    ["chromium", "chromium-browser"]
        .into_iter()
        .find_map(process::on_path)
        .unwrap_or_else(|| panic!("this test needs Chromium\n  hint: run `cargo xtask test --setup`"))
}

/// Opens a file and hands back the document as it is after all scripts ran, and what came to the console.
pub fn open(page: &Path, arguments: &[&str]) -> (String, Vec<String>) {
    let profile = tempfile::tempdir().unwrap();
    let output = Program::new(chromium())
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--allow-file-access-from-files",
            "--enable-logging=stderr",
            "--v=0",
            "--dump-dom",
        ])
        .args([format!("--user-data-dir={}", profile.path().display())])
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .limit(Duration::from_secs(120))
        .run()
        .unwrap();
    assert!(output.status.success(), "{}", output.stderr);
    let console = output.stderr.lines().filter(|line| line.contains("CONSOLE"));
    (output.stdout.clone(), console.map(str::to_owned).collect())
}

/// Opens a file in frames of these widths, and evaluates an expression of `page` (the frame's document) in each.
pub fn ask(page: &Path, widths: &[u32], expression: &str) -> (Vec<Value>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let asking = folder.path().join("ask.html");
    let frames: String = widths
        .iter()
        .map(|width| {
            format!(
                "<iframe style='width: {width}px; height: 900px; border: 0' src='file://{}'></iframe>",
                page.display()
            )
        })
        .collect();
    let script = format!(
        "addEventListener('load', () => {{
            const ask = (page) => ({expression});
            const all = [...document.querySelectorAll('iframe')].map((frame) => ask(frame.contentDocument));
            document.body.innerHTML = '';
            document.body.textContent = 'answer:' + JSON.stringify(all) + ':end';
        }});"
    );
    std::fs::write(
        &asking,
        format!("<!doctype html><meta charset=utf-8><body>{frames}<script>{script}</script>"),
    )
    .unwrap();
    let (dom, console) = open(&asking, &[]);
    let answer = dom
        .split_once("<body>answer:")
        .and_then(|(_, rest)| rest.split_once(":end"))
        .unwrap_or_else(|| panic!("no answer: {console:?}\n{dom}"))
        .0;
    // As a browser writes text.
    let answer = answer.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    (serde_json::from_str(&answer).unwrap(), console)
}
