//! A package that exists on no index but one on loopback, as source with an extension in C: it is compiled in a stage of its own,
//! and neither compiler nor index nor its password gets into the image.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use super::assets;
use super::faults::sandbox::Sandbox;
use super::harness::{Ran, json};

const IMAGE: &str = "localhost/ai_system/faults-store:latest";

/// What the index asks for, as `base64` has it: `somebody:not-to-be-seen`.
const AUTHORIZATION: &str = "Basic c29tZWJvZHk6bm90LXRvLWJlLXNlZW4=";
const CREDENTIALS: &str = "somebody:not-to-be-seen";

const EXTENSION: &str = r#"
#include <Python.h>
#include <zlib.h>
static PyObject *checksum(PyObject *self, PyObject *argument) {
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(argument, &length);
    return text ? PyLong_FromUnsignedLong(crc32(0, (const unsigned char *)text, (unsigned)length)) : NULL;
}
static PyMethodDef methods[] = {{"checksum", checksum, METH_O, "CRC-32 of a text"}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "only_here", NULL, -1, methods};
PyMODINIT_FUNC PyInit_only_here(void) { return PyModule_Create(&module); }
"#;

/// Builds its wheel with nothing but the compiler, so that no other package is asked for.
const BACKEND: &str = r#"
import os, subprocess, sysconfig, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    include = sysconfig.get_paths()["include"]
    subprocess.run(["cc", "-shared", "-fPIC", "-I" + include, "only_here.c", "-o", "only_here" + suffix, "-lz"], check=True)
    tag = "cp{0.major}{0.minor}".format(__import__("sys").version_info)
    platform = sysconfig.get_platform().replace("-", "_")
    name = f"only_here-1.0-{tag}-{tag}-{platform}.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.write("only_here" + suffix)
        info = "only_here-1.0.dist-info/"
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: only-here\nVersion: 1.0\n")
        wheel.writestr(info + "WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}-{tag}-{platform}\n")
        wheel.writestr(info + "RECORD", "")
    return name
"#;

/// An archive of the package's source.
fn source() -> Vec<u8> {
    let files = [
        ("PKG-INFO", "Metadata-Version: 2.1\nName: only-here\nVersion: 1.0\n"),
        (
            "pyproject.toml",
            "[build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n\
             [project]\nname = \"only-here\"\nversion = \"1.0\"\n",
        ),
        ("backend.py", BACKEND),
        ("only_here.c", EXTENSION),
    ];
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(text.len()).unwrap());
        header.set_mode(0o644);
        header.set_cksum();
        let path = format!("only_here-1.0/{name}");
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

/// A package index on a loopback port, for those who know the password.
struct Index {
    port: u16,
}

impl Index {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let archive = source();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that goes away has what it wants.
                let _ = answer(stream.unwrap(), &archive);
            }
        });
        Self { port }
    }

    /// Its address, with name and password.
    fn address(&self) -> String {
        format!("http://{CREDENTIALS}@127.0.0.1:{}/simple", self.port)
    }
}

fn answer(stream: TcpStream, archive: &[u8]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut request, mut authorized) = (String::new(), false);
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let header = line.split_once(':');
        authorized |= header
            .is_some_and(|(name, value)| name.eq_ignore_ascii_case("authorization") && value.trim() == AUTHORIZATION);
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let page = b"<!DOCTYPE html><a href=\"../../only_here-1.0.tar\">only_here-1.0.tar</a>";
    let (status, kind, body): (&str, &str, &[u8]) = match path {
        _ if !authorized => ("401 Unauthorized", "text/plain", b""),
        "/simple/only-here/" => ("200 OK", "text/html", page),
        "/only_here-1.0.tar" => ("200 OK", "application/octet-stream", archive),
        _ => ("404 Not Found", "text/plain", b""),
    };
    let mut head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n",
        body.len()
    );
    let _ = write!(
        head,
        "WWW-Authenticate: Basic realm=\"index\"\r\nConnection: close\r\n\r\n"
    );
    let stream = reader.get_mut();
    stream.write_all(head.as_bytes())?;
    if !request.starts_with("HEAD") {
        stream.write_all(body)?;
    }
    Ok(())
}

/// Fails where bytes that no image may hold are anywhere in an image: in a layer, in its config, in its history.
fn holds_none_of(sandbox: &Sandbox, unwanted: &[&str]) {
    let archive = sandbox.path("image.tar");
    sandbox.podman(&["save", "--quiet", "--output", archive.to_str().unwrap(), IMAGE]);
    let mut bytes = Vec::new();
    std::fs::File::open(&archive).unwrap().read_to_end(&mut bytes).unwrap();
    std::fs::remove_file(&archive).unwrap();
    for text in unwanted {
        let found = memchr::memmem::find(&bytes, text.as_bytes());
        assert_eq!(found, None, "`{text}` is in the image");
    }
    // This way of looking does find what is there.
    assert!(memchr::memmem::find(&bytes, b"ai-system.input-digest").is_some());
}

fn logs_hold_none_of(sandbox: &Sandbox, ran: &Ran, unwanted: &str) {
    assert!(
        !ran.stdout.contains(unwanted) && !ran.stderr.contains(unwanted),
        "{ran:#?}"
    );
    let logs = sandbox.path("target/xtask-work/logs");
    for entry in std::fs::read_dir(logs).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        assert!(!text.contains(unwanted), "{}: {text}", path.display());
    }
}

#[test]
fn a_wheel_is_built_from_an_index_of_the_host_and_neither_compiler_nor_index_stays() {
    let sandbox = Sandbox::new();
    let server = assets::Server::start();
    let group = "  faults-store:\n    machine: mainpc\n";
    let compiled = format!(
        "{group}    requirements: requirements.only-here.txt\n    build_packages: [gcc, libc6-dev, python3-dev, zlib1g-dev]\n    packages: [zlib1g]\n{}",
        assets::lines(&server, &sandbox)
    );
    sandbox.edit("config/stack.yaml", group, &compiled);
    std::fs::write(sandbox.path("tree/requirements.only-here.txt"), "only-here==1.0\n").unwrap();
    sandbox.run(&["render"]).succeeds();
    let before = sandbox.path("target/xtask-work/logs/build-faults-store.log");
    assert!(!before.exists(), "group images are assembled");

    let index = Index::start();
    let address = index.address();
    // A company's proxy is needed by nobody here, and must not stay behind either.
    let proxy = format!("http://{CREDENTIALS}@proxy.invalid:3128");
    let variables = [
        ("PIP_EXTRA_INDEX_URL", Path::new(&address)),
        ("FTP_PROXY", Path::new(&proxy)),
        ("NO_PROXY", Path::new("127.0.0.1,no-proxy.invalid")),
    ];
    let arguments = ["build-images", "faults-store", "--format", "json"];
    let built = sandbox.run_with(&arguments, &variables).succeeds();
    logs_hold_none_of(&sandbox, &built, "not-to-be-seen");

    // What was compiled runs, with the library that it needs, and its Debian package for building is not there.
    let check =
        "import only_here, zlib; assert only_here.checksum('abc') == zlib.crc32(b'abc'); print(only_here.__file__)";
    let run = ["run", "--rm", "--network=none", "--user=0"];
    let python = [&run[..], &["--entrypoint=python3", IMAGE, "-c", check]].concat();
    let file = sandbox.podman(&python).concat();
    assert!(file.ends_with(".so"), "{file}");
    let files = |image: &str| -> BTreeSet<String> {
        let find = [&run[..], &["--entrypoint=find", image, "/", "-xdev"]].concat();
        sandbox.podman(&find).into_iter().collect()
    };
    let (below, all) = (files("localhost/ai_system/base:latest"), files(IMAGE));
    let needless = |path: &str| {
        let of_development = path.ends_with(".h") || path.ends_with(".a") || path.ends_with(".c");
        of_development || path.contains("/test/") || path.contains("/tests/")
    };
    let unwanted: Vec<&String> = all
        .iter()
        .filter(|path| super::images::is_superfluous(path) || !below.contains(*path) && needless(path))
        .collect();
    assert_eq!(unwanted, Vec::<&String>::new());
    let query = [
        &run[..],
        &["--entrypoint=dpkg-query", IMAGE, "--show", "--showformat=${Package}\\n"],
    ]
    .concat();
    let packages = sandbox.podman(&query);
    assert!(packages.iter().any(|name| name == "zlib1g"), "{packages:?}");
    let compilers: Vec<&String> = packages
        .iter()
        .filter(|name| {
            name.ends_with("-dev") || name.starts_with("gcc-1") && !name.ends_with("-base") || name.starts_with("cpp")
        })
        .collect();
    assert_eq!(compilers, Vec::<&String>::new());
    let port = format!("127.0.0.1:{}", index.port);
    holds_none_of(
        &sandbox,
        &[&port, "not-to-be-seen", "no-proxy.invalid", "proxy.invalid"],
    );

    assets::are_there(&sandbox, &server, "faults-store", IMAGE);

    // Where packages come from is no input: without the index, nothing is to be done.
    let again = json(&sandbox.run(&arguments).succeeds().stdout);
    let images = again["images"].as_array().unwrap();
    assert!(images.iter().all(|image| image["outcome"] == "up_to_date"), "{again:#}");

    // A build that fails names the package, and not the password.
    std::fs::write(sandbox.path("tree/requirements.only-here.txt"), "only-here==2.0\n").unwrap();
    let failed = sandbox.run_with(&arguments, &variables);
    assert_eq!(failed.code, 3, "{failed:#?}");
    assert!(failed.stderr.contains("only-here==2.0"), "{failed:#?}");
    logs_hold_none_of(&sandbox, &failed, "not-to-be-seen");
}
