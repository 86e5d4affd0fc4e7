//! The start-up check of a GPU: what the host gave this container, and whether PyTorch can use it. One line each; without a GPU agents
//! run on the CPU, and the group says so.

use std::path::Path;

use contract::status::StartupCheck;

/// Where the driver says its version.
const DRIVER: &str = "proc/driver/nvidia/version";

/// What was looked at.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// The lines.
    pub checks: Vec<StartupCheck>,
    /// Whether there is a GPU as far as files tell.
    pub there: bool,
}

/// Whether a value of `ENABLE_GPU` asks for one.
#[must_use]
pub fn is_wanted(value: Option<&str>) -> bool {
    let value = value.unwrap_or_default().trim().to_ascii_lowercase();
    matches!(value.as_str(), "1" | "true" | "yes" | "on")
}

/// Looks below a root: device nodes, and the driver.
#[must_use]
pub fn look(root: &Path) -> Seen {
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let numbered = |name: &str, start: &str| {
        let number = name.strip_prefix(start);
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut nodes: Vec<String> = names("dev")
        .into_iter()
        .filter(|name| numbered(name, "nvidia") || name == "kfd" || name == "dxg")
        .map(|name| format!("/dev/{name}"))
        .collect();
    let nvidia = nodes.iter().any(|node| node.starts_with("/dev/nvidia"));
    let render = names("dev/dri").into_iter().filter(|name| numbered(name, "renderD"));
    nodes.extend(render.map(|name| format!("/dev/dri/{name}")));
    let mut checks = vec![if nodes.is_empty() {
        line(
            "gpu device",
            Err("no device of a GPU in /dev: the container was started without one; agents run on the CPU"),
        )
    } else {
        line("gpu device", Ok(&nodes.join(" ")))
    }];
    if nvidia || nodes.is_empty() {
        let text = std::fs::read_to_string(root.join(DRIVER)).unwrap_or_default();
        let version = text.lines().next().unwrap_or_default().trim();
        checks.push(match version {
            "" => line(
                "gpu driver",
                Err("/proc/driver/nvidia/version is not there: NVIDIA's driver is not loaded on the host"),
            ),
            version => line("gpu driver", Ok(version)),
        });
    }
    let there = checks.iter().all(|check| check.ok);
    Seen { checks, there }
}

/// Words for the interpreter to print what PyTorch says, then `done`.
#[must_use]
pub fn torch_question() -> Vec<String> {
    const LINE: &str = "import torch\n\
        print(torch.cuda.device_count() if torch.cuda.is_available() else 0, torch.version.cuda)\n\
        print('done')";
    vec!["-c".to_owned(), LINE.to_owned()]
}

/// What its answer means; nothing where it could not be asked.
#[must_use]
pub fn torch_check(answer: Option<&str>) -> StartupCheck {
    const NAME: &str = "gpu torch.cuda";
    let answer = answer.and_then(|answer| answer.trim_end().strip_suffix("done"));
    let Some((count, version)) = answer.and_then(|answer| answer.trim().split_once(' ')) else {
        return line(NAME, Err("the interpreter could not import torch"));
    };
    match count {
        "0" => line(
            NAME,
            Err(&format!("not available (CUDA {version}); agents run on the CPU")),
        ),
        count => line(NAME, Ok(&format!("available (CUDA {version}), devices: {count}"))),
    }
}

fn line(name: &str, seen: Result<&str, &str>) -> StartupCheck {
    StartupCheck {
        name: name.to_owned(),
        ok: seen.is_ok(),
        detail: seen.unwrap_or_else(|why| why).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_wanted, look, torch_check};
    use crate::checks::describe;

    fn seen(files: &[(&str, &str)]) -> (Vec<String>, bool) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let seen = look(root.path());
        (seen.checks.iter().map(describe).collect(), seen.there)
    }

    #[test]
    fn devices_and_driver_are_one_line_each() {
        let version = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03\nGCC version: 12\n";
        let (lines, there) = seen(&[
            ("dev/nvidia0", ""),
            ("dev/nvidiactl", ""),
            ("proc/driver/nvidia/version", version),
        ]);
        assert!(there);
        assert_eq!(
            lines,
            [
                "check ok   gpu device: /dev/nvidia0",
                "check ok   gpu driver: NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03"
            ]
        );
        let (lines, there) = seen(&[("dev/null", ""), ("dev/nvidiactl", "")]);
        assert!(!there && lines.len() == 2);
        assert!(lines[0].starts_with("check FAIL gpu device: no device"), "{lines:?}");
        assert!(
            lines[1].starts_with("check FAIL gpu driver: /proc/driver/nvidia/version"),
            "{lines:?}"
        );
        // A device without its driver is none.
        let (lines, there) = seen(&[("dev/nvidia1", "")]);
        assert!(!there && lines[1].starts_with("check FAIL gpu driver"), "{lines:?}");
        // Others have no such file.
        let (lines, there) = seen(&[("dev/kfd", ""), ("dev/dri/renderD128", ""), ("dev/dri/card0", "")]);
        assert!(there);
        assert_eq!(lines, ["check ok   gpu device: /dev/kfd /dev/dri/renderD128"]);
    }

    #[test]
    fn what_torch_says_is_a_line() {
        let said = |answer| describe(&torch_check(answer));
        assert_eq!(
            said(Some("2 12.8\ndone\n")),
            "check ok   gpu torch.cuda: available (CUDA 12.8), devices: 2"
        );
        assert_eq!(
            said(Some("0 12.8\ndone\n")),
            "check FAIL gpu torch.cuda: not available (CUDA 12.8); agents run on the CPU"
        );
        for broken in [None, Some(""), Some("0 12.8\n"), Some("done\n")] {
            assert_eq!(
                said(broken),
                "check FAIL gpu torch.cuda: the interpreter could not import torch"
            );
        }
    }

    #[test]
    fn only_words_for_yes_ask_for_one() {
        assert!(["true", "1", "Yes", " on "].iter().all(|value| is_wanted(Some(value))));
        assert!(
            ["false", "0", "", "no", "off"]
                .iter()
                .all(|value| !is_wanted(Some(value)))
                && !is_wanted(None)
        );
    }
}
