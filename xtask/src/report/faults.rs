//! The table of faults, in Markdown.

use std::fmt::Write as _;

use crate::bench::fault_row::FaultRow;

/// The table, as it stands in `tests/README.md`.
#[must_use]
pub fn table(rows: &[FaultRow]) -> String {
    let mut text = String::from("| fault | promise | seen |\n| --- | --- | --- |");
    for FaultRow { fault, promise, seen } in rows {
        // Writing to a text cannot fail.
        let _ = write!(text, "\n| {} | {} | {} |", cell(fault), cell(promise), cell(seen));
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::bench::fault_row::FaultRow;

    #[test]
    fn a_bar_does_not_end_a_cell() {
        let row = FaultRow {
            fault: "a|b".to_owned(),
            promise: "c".to_owned(),
            seen: "d".to_owned(),
        };
        assert!(table(&[row]).ends_with("\n| a\\|b | c | d |"));
    }
}
