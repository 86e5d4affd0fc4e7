//! Assets of every source in an image that another test builds: from a server on the loopback, from this host, from a package, from a
//! command; at their place, or copied to a volume by the supervisor.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::faults::sandbox::Sandbox;
use super::harness::{json, wait_for};

/// SHA-256 of `abc`.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A server that has `abc` at every path, and how often it was asked.
pub struct Server {
    pub port: u16,
    asked: Arc<AtomicUsize>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                count.fetch_add(1, Ordering::SeqCst);
                let reply = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
                // A client that goes away has what it wants.
                let _ = stream.write_all(reply.as_bytes());
            }
        });
        Self { port, asked }
    }
}

/// Lines for a group of the stack.
pub fn lines(server: &Server, sandbox: &Sandbox) -> String {
    std::fs::create_dir_all(sandbox.path("lists/deep")).unwrap();
    std::fs::write(sandbox.path("lists/deep/one.txt"), "one").unwrap();
    let make = "import os, sys; os.makedirs(sys.argv[1]); open(sys.argv[1] + '/made', 'w').write(str(os.getuid()))";
    format!(
        "    assets:
      words: {{url: 'http://127.0.0.1:{}/words', sha256: {ABC}, to: /app/models-of-ours/words}}
      lists: {{from: lists, to: /app/data/lists}}
      codes: {{package: json, path: tool.py, to: /opt/codes/tool.py}}
      made: {{command: [python3, -c, \"{make}\", '{{to}}'], to: /app/data/made}}
",
        server.port
    )
}

/// All of it is in the image and on a volume that a container is given, and is told.
pub fn are_there(sandbox: &Sandbox, server: &Server, group: &str, image: &str) {
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
    let why = sandbox
        .run(&["images", "why", group, "/app/data/lists/deep/one.txt"])
        .succeeds();
    assert!(
        why.stdout.contains("asset `lists`: lists of the host") && why.stdout.contains("the volume `data`"),
        "{why:#?}"
    );
    let sbom = json(&sandbox.run(&["images", "sbom", group]).succeeds().stdout);
    let components = sbom["components"].as_array().unwrap();
    let data: Vec<&serde_json::Value> = components.iter().filter(|found| found["type"] == "data").collect();
    let names: Vec<&str> = data.iter().map(|found| found["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["codes", "lists", "made", "words"]);
    assert_eq!(data[3]["hashes"][0]["content"], ABC);

    let volume = sandbox.path("volume");
    std::fs::create_dir(&volume).unwrap();
    std::fs::set_permissions(&volume, std::fs::Permissions::from_mode(0o777)).unwrap();
    let mount = format!("--volume={}:/app/data", volume.display());
    let name = format!("assets-of-{}", std::process::id());
    let run = [
        "run",
        "--detach",
        "--rm",
        "--network=none",
        "--name",
        &name,
        &mount,
        image,
    ];
    sandbox.podman(&run);
    let read = |path: &str| std::fs::read_to_string(volume.join(path)).unwrap_or_default();
    wait_for("the supervisor to copy what belongs on the volume", || {
        !read(".made.asset").is_empty() && !read(".lists.asset").is_empty()
    });
    assert_eq!(
        (read("lists/deep/one.txt").as_str(), read("made/made").as_str()),
        ("one", "10001")
    );
    let inside = sandbox.podman(&["exec", &name, "cat", "/app/models-of-ours/words"]);
    assert_eq!(inside, ["abc"]);
    sandbox.podman(&["exec", &name, "test", "-s", "/opt/codes/tool.py"]);
    let owner = sandbox.podman(&["exec", &name, "stat", "--format=%u %a", "/app/models-of-ours/words"]);
    assert_eq!(owner, ["0 644"]);
    sandbox.podman(&["rm", "--force", "--time=0", &name]);
}
