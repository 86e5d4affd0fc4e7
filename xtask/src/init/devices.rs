//! Devices that agents open, as far as what they import and call tells.

use std::collections::BTreeMap;

use pysrc::{Atom, Value};

use super::evidence::Evidence;
use super::imports::{Loaded, Sources};
use super::texts::{Kind, Texts};

/// Module → what it is for.
const MODULES: [(&str, &str); 6] = [
    ("sounddevice", "sound"),
    ("pyaudio", "sound"),
    ("serial", "a serial port"),
    ("usb", "USB"),
    ("evdev", "input devices"),
    ("RPi", "GPIO"),
];

/// Call → what it opens.
const CALLS: [(&str, &str); 4] = [
    ("cv2.VideoCapture", "a camera"),
    ("torch.cuda.is_available", "a GPU"),
    ("torch.cuda.device_count", "a GPU"),
    ("pynvml.nvmlInit", "a GPU"),
];

/// What a group's agents open, with where.
#[must_use]
pub fn of_group(sources: &Sources, loaded: &Loaded) -> BTreeMap<&'static str, Evidence> {
    let mut found = BTreeMap::new();
    for (module, what) in MODULES {
        if let Some(wanted) = loaded.packages.get(module) {
            found.entry(what).or_insert_with(|| wanted.evidence.clone());
        }
    }
    for (path, module) in sources.files(&loaded.files) {
        // Most files have none of these names at all.
        let known: Vec<(Atom, &str, &str)> = CALLS
            .iter()
            .filter_map(|(called, what)| Some((module.atom(called.rsplit('.').next()?)?, *called, *what)))
            .collect();
        if known.is_empty() {
            continue;
        }
        for call in &module.calls {
            let (Value::Name(last) | Value::Attribute(_, last)) = &call.callee else {
                continue;
            };
            let of_name = known.iter().filter(|(name, ..)| name == last);
            for (_, called, what) in of_name {
                if module.dotted(&call.callee).as_deref() == Some(*called) {
                    let line = module.position(call.span).line as usize;
                    found
                        .entry(*what)
                        .or_insert_with(|| Evidence::new(path, line, format!("calls `{called}`")));
                }
            }
        }
    }
    found
}

/// Lines of Compose files that give devices to a service.
#[must_use]
pub fn of_compose(texts: &Texts) -> Vec<Evidence> {
    let files = texts.lines(Kind::Yaml).filter(|(path, ..)| path.contains("compose"));
    files
        .filter(|(_, _, line)| {
            let line = line.trim();
            line == "devices:" || line == "runtime: nvidia" || line.starts_with("gpus:")
        })
        .map(|(path, number, line)| Evidence::new(path, number, line.trim()))
        .take(5)
        .collect()
}
