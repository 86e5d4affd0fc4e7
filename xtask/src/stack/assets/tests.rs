//! Assets as they are written, and the places that they cannot have.

use super::Source;
use crate::stack::fixture::Fixture;

const ASSETS: &str = "    assets:
      words: {url: 'https://files.example/w.bin', sha256: 'BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD', to: /app/models/w.bin}
      lists: {from: ./lists/, to: /app/data/lists}
      profiles: {package: langdetect, path: profiles, to: /opt/profiles}
    variants:
      cpu:
      gpu:
        devices: [nvidia.com/gpu=all]
        assets:
          punkt: {command: [python3, -m, nltk.downloader, -d, '{to}', punkt], hosts: [files.example], to: /app/data/nltk_data}
          lists: {from: /srv/lists, to: /app/data/lists}
    agents: [Gamma]";

fn fixture() -> Fixture {
    let volumes = "status_port: 9000\nvolumes: {data: /app/data, config: /app/config}";
    Fixture::small()
        .stack("    agents: [Gamma]", ASSETS)
        .stack("status_port: 9000", volumes)
}

#[test]
fn they_are_read_and_a_variant_adds_its_own() {
    let mut stack = fixture().model();
    let side = stack.find_group("side").unwrap();
    let names = |stack: &crate::stack::Stack| {
        let assets = stack.group(side).assets.iter();
        assets
            .map(|asset| format!("{}: {}", asset.name, asset.source.words()))
            .collect::<Vec<_>>()
    };
    let lists = "lists: lists of the host that built it";
    let words = "words: https://files.example/w.bin";
    assert_eq!(
        names(&stack),
        [words, lists, "profiles: profiles of package langdetect"]
    );
    let on_volumes: Vec<&str> = stack.assets_on_volumes(side).map(|asset| asset.name.as_str()).collect();
    assert_eq!(on_volumes, ["lists"]);
    assert_eq!(stack.assets_in_image(side).count(), 2);
    let group = stack.group(side);
    assert!(matches!(&group.assets[0].source, Source::Url { sha256, .. } if sha256.starts_with("ba7816bf")));
    assert_eq!(group.assets[0].source.host(), Some("files.example"));
    let at = |path: &str| group.asset_at(path).map(|asset| asset.name.as_str());
    assert_eq!(
        (at("/app/data/lists/x/y"), at("/app/data/lists2")),
        (Some("lists"), None)
    );

    stack.choose_variants(&["side=gpu".parse().unwrap()]).unwrap();
    let punkt = "punkt: python3 -m nltk.downloader -d {to} punkt";
    let other = "lists: /srv/lists of the host that built it";
    assert_eq!(
        names(&stack),
        [words, "profiles: profiles of package langdetect", punkt, other]
    );
}

#[test]
fn what_is_wrong_is_said_at_its_line() {
    let says = |from: &str, to: &str, text: &str| {
        let said = fixture().stack(from, to).says();
        assert!(said.iter().any(|line| line.contains(text)), "{text}: {said:#?}");
    };
    let lists = "{from: ./lists/, to: /app/data/lists}";
    says(
        lists,
        "{to: /app/data/lists}",
        "asset `lists` has to say where it comes from",
    );
    says(
        lists,
        "{from: x, package: y, to: /app/data/lists}",
        "in one of `url`, `from`",
    );
    says(
        lists,
        "{from: ../x, to: /app/data/lists}",
        "cannot be taken from `../x`",
    );
    says(lists, "{from: x}", "asset `lists` has no `to`");
    says(
        lists,
        "{from: x, hosts: [a], to: /app/data/lists}",
        "has `hosts`, which goes with `command`",
    );
    says(
        lists,
        "{from: x, color: red, to: /app/data/lists}",
        "asset `lists` has no key `color`",
    );
    for (to, why) in [
        ("data/lists", "the path is not absolute"),
        ("/app/../etc", "the path is not absolute"),
        ("/app/da ta", "a path has letters"),
        ("/etc/x", "belongs to the container itself"),
        ("/app", "belongs to the container itself"),
        ("/tmp/x", "in memory"),
        ("/app/data", "the volume `data` is mounted at `/app/data`"),
        ("/app/config/x", "agents only read the volume `config`"),
        ("/opt/profiles/x", "asset `profiles` is at `/opt/profiles`"),
    ] {
        says(lists, &format!("{{from: x, to: '{to}'}}"), why);
    }
    says(
        "/w.bin', sha256: 'BA",
        "/w.bin', sha256: 'XA",
        "is not 64 hexadecimal digits",
    );
    says("https://files.example", "ftp://files.example", "is not a plain address");
    says(
        "https://files.example",
        "https://me:secret@files.example",
        "is not a plain address",
    );
    says(
        "package: langdetect",
        "package: lang-detect",
        "is not the name of a module",
    );
    says("-d, '{to}', punkt", "punkt", "does not say where it puts it");
    says(
        "hosts: [files.example]",
        "hosts: ['a b']",
        "`a b` is not the name of a host",
    );
    says(
        "      lists: {from: ./",
        "      'li sts': {from: ./",
        "an asset cannot be called `li sts`",
    );
    let mounted = "    mounts: ['/srv/x:/opt']\n    agents: [Gamma]";
    says(
        "    agents: [Gamma]",
        mounted,
        "`/srv/x` of the host is mounted at `/opt`",
    );
    let writable = "    writable: [models/]\n    agents: [Gamma]";
    says("    agents: [Gamma]", writable, "agents may write `models/` there");
    let other = "    assets: {mine: {from: z, to: /app/data/nltk_data/x}}\n    agents: [Alpha, Beta]";
    says(
        "    agents: [Alpha, Beta]",
        other,
        "group `side` has another asset there, `punkt`",
    );
}
