//! Devices that agents open, as far as what they import and call tells.

use std::collections::BTreeMap;

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
        for call in &module.calls {
            let Some(last) = module.called(call) else {
                continue;
            };
            let mut known = CALLS.iter().filter(|(known, _)| known.rsplit('.').next() == Some(last));
            let called = known.clone().next().and_then(|_| module.dotted(&call.callee));
            if let Some((called, what)) = known.find(|(known, _)| Some(*known) == called.as_deref()) {
                let line = module.position(call.span).line as usize;
                found
                    .entry(*what)
                    .or_insert_with(|| Evidence::new(path, line, format!("calls `{called}`")));
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
