//! A mirror that pip knows on this host: build steps are told of it.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "package-index";
const TITLE: &str = "package index of build steps";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let index = &facts.package_index;
    if index.is_empty() {
        let detail = "neither pip nor uv is told of another index than PyPI";
        return Diagnosis::new(ID, TITLE, Status::NotApplicable, detail);
    }
    let from = index.from.join(", ");
    let folders: Vec<&str> = index.folders().collect();
    if !folders.is_empty() {
        return Diagnosis::new(
            ID,
            TITLE,
            Status::Problem,
            format!("{} ({from}) is a folder of this host", folders.join(", ")),
        )
        .because("build steps run in containers, which do not see it")
        .mend("export PIP_INDEX_URL=https://HOST/simple UV_DEFAULT_INDEX=https://HOST/simple");
    }
    let shown: Vec<String> = index.shown().collect();
    let what = if shown.is_empty() {
        "PyPI".to_owned()
    } else {
        shown.join(", ")
    };
    Diagnosis::new(
        ID,
        TITLE,
        Status::Ok,
        format!("{what} ({from}): build steps and `lock` use it, no image holds it"),
    )
}
