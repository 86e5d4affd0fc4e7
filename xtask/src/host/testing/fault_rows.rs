//! Rows of the table of faults, as the tests write them: one file each, with a line for the fault, the promise, and what was seen.

use std::path::Path;

use crate::bench::fault_row::FaultRow;
use crate::host::system::files::FileError;

/// Makes the folder, without rows of an earlier run.
///
/// # Errors
/// When it cannot be emptied or made.
pub fn clear(folder: &Path) -> Result<(), FileError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(FileError::on("remove", folder)(error));
        }
        _ => {}
    }
    std::fs::create_dir_all(folder).map_err(FileError::on("create", folder))
}

/// All rows, sorted by fault.
///
/// # Errors
/// When a file cannot be read.
pub fn read(folder: &Path) -> Result<Vec<FaultRow>, FileError> {
    let entries = std::fs::read_dir(folder).map_err(FileError::on("read", folder))?;
    let mut rows = Vec::new();
    for entry in entries {
        let path = entry.map_err(FileError::on("read", folder))?.path();
        let text = std::fs::read_to_string(&path).map_err(FileError::on("read", &path))?;
        let mut lines = text.lines().map(str::to_owned);
        if let (Some(fault), Some(promise), Some(seen)) = (lines.next(), lines.next(), lines.next()) {
            rows.push(FaultRow { fault, promise, seen });
        }
    }
    rows.sort();
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::{clear, read};

    #[test]
    fn rows_are_read_back_sorted_and_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let rows = folder.path().join("rows");
        clear(&rows).unwrap();
        for fault in ["b", "a"] {
            std::fs::write(rows.join(fault), format!("{fault}\npromise\nseen\n")).unwrap();
        }
        let faults: Vec<String> = read(&rows).unwrap().into_iter().map(|row| row.fault).collect();
        assert_eq!(faults, ["a", "b"]);
        clear(&rows).unwrap();
        assert_eq!(read(&rows).unwrap(), []);
    }
}
