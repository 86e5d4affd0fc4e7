//! Hard values, and hard names of variables: what goes wrong where somebody on the way forgets to quote. For tests of all that hands on an
//! environment.

use std::collections::BTreeMap;

/// Values that some reader takes for something else where they stand bare.
#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "", "y", "Y", "n", "N", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "true",
    "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL", "~", "=", "<<", "22:30", "1:20:30.5",
    "190:20:30", "-1:30", "012", "08", "0o14", "0x10", "0xFFFF_FFFF", "0b1", "1_000", "1e3", "1E-3", "1.50",
    "685.230_15e+03", ".5", "1.", "+.5", ".inf", "-.Inf", "+.INF", ".NaN", ".nan", "nan", "inf", "Infinity", "+1",
    "-0", "9223372036854775808", "1e400", "2001-12-14", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5",
    " x", "x ", "  ", "\t", "\tx", "x\t", "\n", "a\nb", "a\n", "\na", "a\n\n", "a\r\nb", "\r", " a\n  b\n", "# x",
    "x # y", "x: y", "x:", ": x", ":", "- x", "-", "---", "--- x", "...", "? x", "?", "&x", "*x", "!x", "!!str x",
    "|", ">", "|-", "@x", "`x`", "%x", "%%x", "50%", "%n %h %t %%", "%(asctime)s", "[x]", "{x: y}", "{}", "[]", ",",
    "'", "''", "'x'", "\"", "\"x\"", "\\", "\\n", "x\\", "C:\\Users\\new", "\\x41", "\\u0041", "\\101", "$", "$$",
    "$$$", "pa$word", "pa$$word", "x$", "x$$", "$HOME", "$(HOME)", "$$(HOME)", "$(", "$()", "${", "${}", "$1",
    "{{ x }}", "{% x %}", "`id`", "$(id)", ";id", "x;y", "a=b", "=b", "a b", "a  b", "x\u{7}", "\u{1b}[31m", "\u{1}",
    "\u{7f}", "\u{9b} \"\u{85} \u{7f}", "\u{85}", "a\u{85}b", "\u{9b}", "\u{a0}", "\u{ad}", "\u{200b}", "\u{202e}x", "\u{2028}",
    "a\u{2028}b", "\u{2029}", "\u{2066}", "\u{feff}", "\u{feff}x", "\u{fffd}", "ü", "漢字", "😀", "👩‍👩‍👧", "e\u{301}",
    "\u{10ffff}", "\u{e000}", "<b>&amp;</b>", "::error::x", "/", "//", "a/b", "~/x", "*", "*.py", "!", "^", "|x",
    "a|b", "(", ")", "0", "-", "true false",
];

/// Names that are legal, and words of YAML.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "y", "Y", "n", "N", "yes", "NO", "no", "on", "ON", "Off", "true", "False", "null", "NULL", "_", "__", "nan",
    "inf", "e1", "_1_000", "a.b-c", "x.y", "HTTP_PROXY2",
];

/// Every name and every value, as variables.
pub fn corpus() -> BTreeMap<String, String> {
    let values = TEXTS
        .iter()
        .enumerate()
        .map(|(index, text)| (format!("V{index}"), (*text).to_owned()));
    let names = NAMES
        .iter()
        .map(|name| ((*name).to_owned(), format!("value of {name}")));
    let long = [
        ("LONG_VALUE".to_owned(), format!("{} end ", "x: ü #$ ".repeat(1_250))),
        (format!("LONG_{}", "N".repeat(200)), "no".to_owned()),
    ];
    values.chain(names).chain(long).collect()
}
