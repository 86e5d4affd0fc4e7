//! The wall clock jumps. It cannot be set on a host that others use; that nothing waits by it can be shown in the sources.

use super::sandbox::repository;
use super::saw;

#[test]
fn the_supervisor_reads_the_wall_clock_once() {
    let mut reads = Vec::new();
    let mut folders = vec![repository().join("docker/supervisor/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let clocks = [
                "SystemTime::now",
                "Utc::now",
                "Local::now",
                "clock_gettime",
                "gettimeofday",
            ];
            let found = text
                .lines()
                .filter(|line| clocks.iter().any(|clock| line.contains(clock)));
            reads.extend(found.map(|_| name.clone()));
        }
    }
    // Times in the status document are this one reading plus what the monotonic clock counted since.
    assert_eq!(reads, ["shell.rs"]);
    saw(
        "wall clock jumps",
        "no wait, delay or limit of a supervisor changes",
        "the wall clock is read once, at the start; all else is monotonic",
    );
}
