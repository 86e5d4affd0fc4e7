//! What processes take: CPU time of the whole host, memory of a family of processes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{self, FileError};

/// CPU time that this host has spent since it was started, on all cores, in user and kernel mode, interrupts included.
///
/// # Errors
/// When the kernel does not say.
pub fn of_the_host() -> Result<Duration, FileError> {
    let path = Path::new("/proc/stat");
    let text = text(path)?;
    let ticks = busy_ticks(&text).ok_or_else(|| unexpected(path))?;
    Ok(Duration::from_secs_f64(
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
    ))
}

/// The first line: `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guests are part of `user`.
fn busy_ticks(stat: &str) -> Option<u64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, interrupts, soft_interrupts, ..] = fields[..] else {
        return None;
    };
    Some(user + nice + system + interrupts + soft_interrupts)
}

/// Processes below one, their children's children among them.
///
/// # Errors
/// When that process is gone.
pub fn descendants(pid: u32) -> Result<BTreeSet<u32>, FileError> {
    let mut found = BTreeSet::new();
    let mut queue = children(pid)?;
    while let Some(child) = queue.pop() {
        if found.insert(child) {
            // One that ends meanwhile has none.
            queue.extend(children(child).unwrap_or_default());
        }
    }
    Ok(found)
}

/// Children of all threads of a process.
///
/// # Errors
/// When it is gone.
pub fn children(pid: u32) -> Result<Vec<u32>, FileError> {
    let folder = PathBuf::from(format!("/proc/{pid}/task"));
    let mut found = Vec::new();
    for thread in std::fs::read_dir(&folder)
        .map_err(FileError::on("list", &folder))?
        .flatten()
    {
        let listed = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(listed.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    Ok(found)
}

/// Proportional memory of a process in bytes: a page that several have counts for each by its share.
///
/// # Errors
/// When it is gone, or belongs to somebody else.
pub fn proportional_memory(pid: u32) -> Result<u64, FileError> {
    let path = PathBuf::from(format!("/proc/{pid}/smaps_rollup"));
    let text = text(&path)?;
    number(&text, "Pss:")
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| unexpected(&path))
}

/// Memory of a process in bytes that is resident, whoever shares it. Everybody may read it.
///
/// # Errors
/// When it is gone.
pub fn resident_memory(pid: u32) -> Result<u64, FileError> {
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    number(&text(&path)?, "VmRSS:")
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| unexpected(&path))
}

/// The number that a process has in its own namespace.
///
/// # Errors
/// When it is gone.
pub fn own_number(pid: u32) -> Result<u32, FileError> {
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    let numbers = text(&path)?;
    let line = numbers.lines().find_map(|line| line.strip_prefix("NSpid:"));
    line.and_then(|line| line.split_whitespace().next_back()?.parse().ok())
        .ok_or_else(|| unexpected(&path))
}

/// The first number behind a word that begins a line.
fn number(text: &str, word: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    line.split_whitespace().next()?.parse().ok()
}

/// CPU time of a process's threads that run.
///
/// # Errors
/// When it is gone.
pub fn of_process(pid: u32) -> Result<Duration, FileError> {
    let folder = PathBuf::from(format!("/proc/{pid}/task"));
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(&folder)
        .map_err(FileError::on("list", &folder))?
        .flatten()
    {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text
            .split(' ')
            .next()
            .and_then(|word| word.parse::<u64>().ok())
            .unwrap_or(0);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// CPU time of this process, all its threads.
#[must_use]
pub fn of_ourselves() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), u32::try_from(used.tv_nsec).unwrap_or(0))
}

fn text(path: &Path) -> Result<String, FileError> {
    files::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn unexpected(path: &Path) -> FileError {
    FileError::on("read", path)(std::io::Error::other("it does not say what it should"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_and_guests_do_not_count() {
        let stat = "cpu  10 20 30 1000 2000 4 5 600 10 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(busy_ticks(stat), Some(69));
        assert_eq!(busy_ticks("intr 1 2"), None);
    }

    #[test]
    fn the_kernel_says_all_of_it_of_this_process() {
        let own = std::process::id();
        assert!(!of_the_host().unwrap().is_zero());
        assert!(!of_process(own).unwrap().is_zero());
        assert!(!of_ourselves().is_zero());
        assert!(proportional_memory(own).unwrap() > 100_000);
        assert!(resident_memory(own).unwrap() > 100_000);
        assert_eq!(own_number(own).unwrap(), own);
        assert!(!descendants(own).unwrap().contains(&own));
        assert!(descendants(u32::MAX).is_err());
    }
}
