//! One agent's log file: appended to, and rotated (`x.log` → `x.log.1` → `x.log.2` …) before it passes its size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::fcntl::OFlag;

/// A log file that never grows past `max` bytes; one single line may.
#[derive(Debug)]
pub struct Rotating {
    path: PathBuf,
    max: u64,
    keep: u32,
    open: Option<(File, u64)>,
}

impl Rotating {
    /// Nothing is touched before the first write.
    #[must_use]
    pub fn new(path: PathBuf, max: u64, keep: u32) -> Self {
        Self {
            path,
            max,
            keep,
            open: None,
        }
    }

    /// Where it is written.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Appends whole lines. After an error the next write opens the file anew.
    pub fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let result = self.try_write(lines);
        if result.is_err() {
            self.open = None;
        }
        result
    }

    fn try_write(&mut self, mut lines: &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            let (mut file, size) = match self.open.take() {
                Some(open) => open,
                None => self.open_file()?,
            };
            let room = usize::try_from(self.max.saturating_sub(size)).unwrap_or(usize::MAX);
            let fits = whole_lines(lines, room);
            if fits == 0 && size > 0 {
                drop(file);
                self.rotate()?;
                continue;
            }
            // A line longer than a whole file goes into a file of its own.
            let take = if fits == 0 {
                whole_lines(lines, usize::MAX).min(first_line(lines))
            } else {
                fits
            };
            let (now, later) = lines.split_at(take);
            file.write_all(now)?;
            self.open = Some((file, size + take as u64));
            lines = later;
        }
        Ok(())
    }

    fn open_file(&self) -> io::Result<(File, u64)> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        // Agents may write into this folder: a link would lead anywhere this process may write, its own stdout included, and a pipe
        // would hold it up.
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
            .open(&self.path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok((file, found.len()))
    }

    fn rotate(&mut self) -> io::Result<()> {
        if self.keep == 0 {
            return fs::remove_file(&self.path);
        }
        for number in (1..self.keep).rev() {
            let from = self.numbered(number);
            if from.exists() {
                fs::rename(from, self.numbered(number + 1))?;
            }
        }
        fs::rename(&self.path, self.numbered(1))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

/// Length of the whole lines at the start of `lines` that fit into `room`.
fn whole_lines(lines: &[u8], room: usize) -> usize {
    if lines.len() <= room {
        return lines.len();
    }
    lines[..room]
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1)
}

fn first_line(lines: &[u8]) -> usize {
    lines
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(lines.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::Rotating;

    #[test]
    fn rotates_on_line_boundaries_and_keeps_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sub/a.log");
        let mut log = Rotating::new(path.clone(), 10, 2);
        for number in 0..10 {
            log.write(format!("{number}xx\n").as_bytes()).unwrap();
        }
        let read = |suffix: &str| std::fs::read_to_string(format!("{}{suffix}", path.display())).unwrap_or_default();
        assert_eq!(read(""), "8xx\n9xx\n");
        assert_eq!(read(".1"), "6xx\n7xx\n");
        assert_eq!(read(".2"), "4xx\n5xx\n");
        assert_eq!(read(".3"), "");
    }

    #[test]
    fn cuts_a_batch_and_gives_a_long_line_its_own_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut log = Rotating::new(path.clone(), 8, 5);
        log.write(b"ab\ncd\nef\n0123456789\nx\n").unwrap();
        let read = |suffix: &str| std::fs::read_to_string(format!("{}{suffix}", path.display())).unwrap_or_default();
        assert_eq!(read(""), "x\n");
        assert_eq!(read(".1"), "0123456789\n");
        assert_eq!(read(".2"), "ef\n");
        assert_eq!(read(".3"), "ab\ncd\n");
    }

    #[test]
    fn goes_on_after_an_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        std::fs::write(&path, "old\n").unwrap();
        Rotating::new(path.clone(), 100, 1).write(b"new\n").unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "old\nnew\n");
    }
}
