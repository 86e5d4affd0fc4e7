//! Debian packages that agents need besides Python's: libraries that known modules load, and what the tree's Dockerfiles install.

use std::collections::BTreeMap;

use super::evidence::{Evidence, Known};
use super::imports::Loaded;
use super::texts::{Kind, Texts, is_put_aside};

/// Module → libraries that it loads, by the names of their packages.
const LIBRARIES: [(&str, &[&str]); 14] = [
    ("sounddevice", &["libportaudio2"]),
    ("pyaudio", &["libportaudio2", "portaudio19-dev", "gcc", "libc6-dev"]),
    ("soundfile", &["libsndfile1"]),
    ("librosa", &["libsndfile1"]),
    ("cv2", &["libgl1", "libglib2.0-0"]),
    ("pyttsx3", &["espeak"]),
    ("magic", &["libmagic1"]),
    ("pydub", &["ffmpeg"]),
    ("whisper", &["ffmpeg"]),
    ("pytesseract", &["tesseract-ocr"]),
    ("usb", &["libusb-1.0-0"]),
    ("zbar", &["libzbar0"]),
    ("pyzbar", &["libzbar0"]),
    ("tkinter", &["python3-tk"]),
];

/// What a group's image needs for what its agents import.
#[must_use]
pub fn of_imports(loaded: &Loaded) -> Option<Known<Vec<String>>> {
    let mut packages: BTreeMap<String, Evidence> = BTreeMap::new();
    for (module, libraries) in LIBRARIES {
        if let Some(wanted) = loaded.packages.get(module) {
            for library in libraries {
                packages
                    .entry((*library).to_owned())
                    .or_insert_with(|| wanted.evidence.clone());
            }
        }
    }
    doubtful(packages, "known for these modules; others that they load are not known")
}

/// What Dockerfiles of the tree install.
#[must_use]
pub fn of_dockerfiles(texts: &Texts) -> Option<Known<Vec<String>>> {
    let mut packages: BTreeMap<String, Evidence> = BTreeMap::new();
    for (path, text) in texts.of(Kind::Dockerfile).filter(|(path, _)| !is_put_aside(path)) {
        for (line, words) in commands(text) {
            let Some(at) = words.windows(2).position(|pair| matches!(pair, ["apt-get" | "apt", _])) else {
                continue;
            };
            let rest = words[at..].iter().skip_while(|word| **word != "install").skip(1);
            for word in rest.take_while(|word| !matches!(**word, "&&" | ";" | "||" | "|")) {
                let name = word.trim_end_matches(';').split(['=', ':']).next().unwrap_or_default();
                if is_of_debian(name) {
                    let evidence = || Evidence::new(path, line, "installs them");
                    packages.entry(name.to_owned()).or_insert_with(evidence);
                }
                if word.ends_with(';') {
                    break;
                }
            }
        }
    }
    doubtful(
        packages,
        "Dockerfiles of the tree install them, agents may not need them",
    )
}

/// Packages with the first places that speak for them, and why they are doubted; none where there are none.
fn doubtful(packages: BTreeMap<String, Evidence>, why: &str) -> Option<Known<Vec<String>>> {
    let mut evidence: Vec<Evidence> = packages.values().cloned().collect();
    evidence.sort();
    evidence.dedup();
    evidence.truncate(3);
    let names: Vec<String> = packages.into_keys().collect();
    (!names.is_empty()).then(|| Known::doubtful(names, evidence, why))
}

/// The commands of a Dockerfile's `RUN` lines as words, with the line that each begins in.
fn commands(text: &str) -> Vec<(usize, Vec<&str>)> {
    let mut found: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut goes_on = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let next = line.ends_with('\\');
        let words = line.trim_end_matches('\\').split_whitespace();
        match found.last_mut() {
            Some((_, known)) if goes_on => known.extend(words),
            _ => found.push((index + 1, words.collect())),
        }
        goes_on = next;
    }
    // One command each: what stands between `&&` and `;`.
    found
        .into_iter()
        .flat_map(|(line, words)| {
            let parts: Vec<(usize, Vec<&str>)> = words
                .split(|word| matches!(*word, "&&" | ";" | "||"))
                .map(|part| (line, part.to_vec()))
                .collect();
            parts
        })
        .collect()
}

/// Whether a word may be the name of a package that Debian has, and that is not what the base image is for.
fn is_of_debian(name: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    let other = [
        "cuda",
        "libcud",
        "libnv",
        "nvidia",
        "python3",
        "python-",
        "software-properties",
    ];
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(good)
        && !other.iter().any(|begin| name.starts_with(begin))
        && !matches!(name, "python" | "pip" | "apt-utils" | "sudo")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockerfiles_name_packages_in_every_layout() {
        let text = "FROM python:3.11\nRUN apt-get update && apt-get install -y --no-install-recommends \\\n    ffmpeg \\\n    # sound\n    libportaudio2=19.6 \\\n    && rm -rf /var/lib/apt/lists/*\nRUN apt-get install -y curl; pip install numpy\nRUN apt-get install -y cuda-toolkit-11-8 $MORE python3.10\n";
        let texts = Texts::new([("Dockerfile".to_owned(), text.as_bytes().to_vec())]);
        let known = of_dockerfiles(&texts).unwrap();
        assert_eq!(known.value, ["curl", "ffmpeg", "libportaudio2"]);
        let places: Vec<String> = known.evidence.iter().map(Evidence::place).collect();
        assert_eq!(places, ["Dockerfile:2", "Dockerfile:7"]);
        assert_eq!(known.mark.sign(), Some('?'));
    }
}
