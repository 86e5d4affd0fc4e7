//! Which variant holds, and what comes with it.

use std::collections::BTreeSet;

use super::{Named, Why};
use crate::stack::Stack;
use crate::stack::extras::Device;
use crate::stack::fixture::Fixture;
use crate::stack::limits::Limits;

const VARIANTS: &str = "    requirements: main/plain.txt
    packages: [libzmq5]
    environment: {KIND: none, ALSO: 'yes'}
    memory: 1g
    variants:
      cpu:
      gpu:
        requirements: main/gpu.txt
        packages: [libgomp1, libzmq5]
        build_packages: [gcc]
        required_modules: [torch]
        index: https://packages.example/whl/cu128
        without_wheels: {Lang.Detect: [six]}
        environment: {KIND: gpu}
        devices: [example.com/gpu=all, /dev/null]
        shm_size: 1g
        memory: 8g
      other: {devices: [example.com/other=0]}
    agents: [Gamma]";

fn fixture() -> Fixture {
    let mut fixture = Fixture::small().stack("    agents: [Gamma]", VARIANTS);
    for file in ["main/plain.txt", "main/gpu.txt"] {
        fixture.tree.files.insert(file.to_owned());
    }
    fixture
}

fn named(text: &str) -> Vec<Named> {
    vec![text.parse().unwrap()]
}

fn side(stack: &Stack) -> &crate::stack::Group {
    stack.group(stack.find_group("side").unwrap())
}

/// What holds in that stack on a host with those devices.
fn on_host(stack: &Stack, devices: &[&str]) -> (String, Why) {
    let mut stack = stack.clone();
    stack.choose_variants_by_host(&|_, device: &Device| Some(devices.contains(&device.host.as_str())));
    let group = side(&stack);
    (
        group.variant().unwrap().name.clone(),
        group.why_variant().unwrap().clone(),
    )
}

#[test]
fn without_a_choice_it_is_cpu_and_all_of_a_variant_comes_with_it() {
    let stack = fixture().model();
    let id = stack.find_group("side").unwrap();
    let cpu = side(&stack);
    assert_eq!(cpu.requirements, "main/plain.txt");
    assert_eq!(cpu.packages, ["libzmq5"]);
    assert_eq!(cpu.environment["KIND"], "none");
    assert_eq!(cpu.config_file, "side.yaml");
    assert_eq!(cpu.dockerfile(), "side");
    assert_eq!(stack.group_image(id), "localhost/sys/side:latest-cpu");
    assert_eq!(cpu.why_variant(), Some(&Why::Usual));
    assert_eq!(
        stack.group_image(stack.find_group("core").unwrap()),
        "localhost/sys/core:latest"
    );

    let mut stack = stack;
    stack.choose_variants(&named("side=gpu")).unwrap();
    let gpu = side(&stack);
    assert_eq!(gpu.why_variant(), Some(&Why::Named));
    assert_eq!(gpu.requirements, "main/gpu.txt");
    assert_eq!(gpu.packages, ["libzmq5", "libgomp1"]);
    assert_eq!(gpu.build_packages, ["gcc"]);
    assert_eq!(gpu.required_modules, ["torch"]);
    assert_eq!(
        (gpu.environment["KIND"].as_str(), gpu.environment["ALSO"].as_str()),
        ("gpu", "yes")
    );
    assert_eq!(gpu.config_file, "side.gpu.yaml");
    assert_eq!(gpu.dockerfile(), "side.gpu");
    assert_eq!(gpu.extras.shm_bytes, Some(1 << 30));
    assert_eq!(gpu.extras.devices.len(), 2);
    assert_eq!(
        gpu.limits,
        Limits {
            memory_bytes: Some(8 << 30),
            ..Limits::default()
        }
    );
    assert_eq!(stack.group_image(id), "localhost/sys/side:latest-gpu");
    // And back, with nothing left of it.
    stack.choose_variants(&named("side=cpu")).unwrap();
    assert_eq!(side(&stack).packages, ["libzmq5"]);
    assert!(side(&stack).extras.devices.is_empty() && side(&stack).required_modules.is_empty());
    assert_eq!(side(&stack).limits.memory_bytes, Some(1 << 30));
}

#[test]
fn a_host_chooses_where_nothing_else_does() {
    let stack = fixture().model();
    let (name, why) = on_host(&stack, &[]);
    assert_eq!(name, "cpu");
    let text = why.to_string();
    assert_eq!(
        text,
        "`gpu` needs `example.com/gpu=all`, `/dev/null`, which this host does not have"
    );
    // One of two is none.
    assert_eq!(on_host(&stack, &["example.com/gpu=all"]).0, "cpu");
    let (name, why) = on_host(&stack, &["example.com/gpu=all", "/dev/null", "example.com/other=0"]);
    assert_eq!(name, "gpu");
    assert_eq!(why.to_string(), "Podman can give it `example.com/gpu=all`, `/dev/null`");
    assert_eq!(on_host(&stack, &["example.com/other=0"]).0, "other");

    let all = ["example.com/gpu=all", "/dev/null"];
    let written = fixture()
        .stack("    variants:", "    variant: cpu\n    variants:")
        .model();
    assert_eq!(on_host(&written, &all), ("cpu".to_owned(), Why::Written));
    let everywhere = fixture()
        .stack("status_port: 9000", "status_port: 9000\nvariant: gpu")
        .model();
    assert_eq!(on_host(&everywhere, &[]), ("gpu".to_owned(), Why::Written));
    let mut on_the_line = stack.clone();
    on_the_line.choose_variants(&named("side=other")).unwrap();
    assert_eq!(on_host(&on_the_line, &all), ("other".to_owned(), Why::Named));

    let mut unseen = stack;
    unseen.choose_variants_by_host(&|_, _| None);
    assert_eq!(side(&unseen).variant().unwrap().name, "cpu");
    assert_eq!(side(&unseen).why_variant(), Some(&Why::Unseen));
}

#[test]
fn what_is_rendered_does_not_depend_on_who_chose() {
    let stack = fixture().model();
    let mut chosen = stack.clone();
    chosen.choose_variants(&named("side=gpu")).unwrap();
    assert!(stack.has_own_variants() && !chosen.has_own_variants());
    assert_eq!(side(&chosen.as_written()).requirements, "main/plain.txt");
    let id = stack.find_group("side").unwrap();
    let names = |stack: &Stack| -> BTreeSet<String> {
        let others = stack.other_variants(id);
        others
            .map(|other| other.group(id).dockerfile())
            .chain([stack.group(id).dockerfile()])
            .collect()
    };
    assert_eq!(names(&stack), names(&chosen));
    assert_eq!(names(&stack).len(), 3);
}

#[test]
fn without_one_called_cpu_it_is_the_first_without_devices() {
    let of = |variants: &str| {
        let stack = Fixture::small()
            .stack(
                "    agents: [Gamma]",
                &format!("    variants: {{{variants}}}\n    agents: [Gamma]"),
            )
            .model();
        side(&stack).variant().unwrap().name.clone()
    };
    assert_eq!(of("fast: {devices: [a.com/b=c]}, plain: , slim: "), "plain");
    assert_eq!(
        of("fast: {devices: [a.com/b=c]}, other: {devices: [a.com/b=d]}"),
        "fast"
    );
    assert_eq!(of("plain: , cpu: "), "cpu");
}

#[test]
fn locks_are_about_the_files_of_all_variants() {
    let stack = fixture().model();
    let files: Vec<&String> = side(&stack).all_requirements().collect();
    assert_eq!(files, ["main/plain.txt", "main/gpu.txt"]);
    let sources = stack.sources("main/gpu.txt");
    assert!(sources.indexes.contains("https://packages.example/whl/cu128"));
    assert_eq!(sources.without_wheels["lang-detect"], ["six"]);
    assert_eq!(
        sources.uv_configuration().unwrap(),
        "no-build = true\nno-binary-package = [\"lang-detect\"]\n\n[[dependency-metadata]]\nname = \"lang-detect\"\nrequires-dist = [\"six\"]\n"
    );
    let lines: Vec<String> = sources.wanted("main/gpu.txt").map(|line| line.text).collect();
    assert!(
        lines[0].starts_with("--from address:") && !lines[0].contains("packages.example"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "--without-wheels lang-detect: six");
    assert_eq!(
        stack.sources("main/plain.txt"),
        crate::stack::requirements_lock::Sources::default()
    );
}

#[test]
fn what_is_wrong_is_said_at_its_line() {
    let says = |from: &str, to: &str| fixture().stack(from, to).says();
    let has = |said: Vec<String>, text: &str| assert!(said.iter().any(|line| line.contains(text)), "{text}: {said:#?}");
    has(
        says("    variants:", "    variant: gpuu\n    variants:"),
        "group `side` has no variant `gpuu`; help: did you mean `gpu`?",
    );
    has(
        says("status_port: 9000", "status_port: 9000\nvariant: nix"),
        "no group has a variant `nix`",
    );
    has(says("      cpu:", "      CPU:"), "a variant cannot be called `CPU`");
    has(
        says("      cpu:", "      cpu: {colour: red}"),
        "variant `cpu` has no key `colour`",
    );
    has(
        says(
            "https://packages.example/whl/cu128",
            "https://me:secret@packages.example/",
        ),
        "`index` is not a plain address",
    );
    has(
        says("https://packages.example/whl/cu128", "ftp://packages.example/"),
        "`index` is not a plain address",
    );
    has(
        says("[six]", "['six @ file:///x']"),
        "`six @ file:///x` is not a valid requirement",
    );
    has(
        says("requirements: main/gpu.txt", "requirements: main/none.txt"),
        "the requirements file of variant `gpu` of group `side`, `main/none.txt` is not in the tree",
    );
    has(
        says("{KIND: gpu}", "{LD_PRELOAD: /app/data/x.so}"),
        "`LD_PRELOAD` in the environment of group `side`",
    );
    has(
        says("    variants:\n", "    variants: {}\n    more:\n"),
        "`variants` is empty",
    );
    assert!("side".parse::<Named>().is_err() && "=gpu".parse::<Named>().is_err() && "side=".parse::<Named>().is_err());
    let mut stack = fixture().model();
    let error = |stack: &mut Stack, text: &str| stack.choose_variants(&named(text)).unwrap_err().to_string();
    assert!(error(&mut stack, "sides=gpu").contains("did you mean `side`?"));
    assert!(error(&mut stack, "side=gp").contains("did you mean `gpu`?"));
    assert!(error(&mut stack, "core=gpu").contains("it has no `variants:`"));
}
