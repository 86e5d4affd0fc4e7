//! Values of the standard library that are the same in every container.

use pysrc::PythonVersion;

use super::value::V;

/// What `module.name` is, by its dotted name.
pub fn constant(dotted: &str, version: PythonVersion) -> Option<V> {
    let text = match dotted {
        "os.name" => "posix",
        "os.sep" | "os.path.sep" => "/",
        "os.linesep" => "\n",
        "os.pathsep" | "os.path.pathsep" => ":",
        "os.curdir" | "os.path.curdir" | "os.extsep" | "os.path.extsep" => ".",
        "os.pardir" | "os.path.pardir" => "..",
        "os.devnull" | "os.path.devnull" => "/dev/null",
        "sys.platform" => "linux",
        "sys.byteorder" => "little",
        "sys.implementation.name" => "cpython",
        "string.digits" => "0123456789",
        "typing.TYPE_CHECKING" => return Some(V::Bool(false)),
        "os.altsep" | "os.path.altsep" => return Some(V::None),
        "sys.hexversion" => {
            // Of a release that is new enough.
            let release = i64::from(version.major) << 24 | i64::from(version.minor) << 16 | 0x0ff0;
            return Some(V::Int(release));
        }
        "sys.maxsize" => return Some(V::Int(i64::MAX)),
        "sys.version_info.major" => return Some(V::Int(version.major.into())),
        "sys.version_info.minor" => return Some(V::Int(version.minor.into())),
        _ => return None,
    };
    Some(V::Str(text.to_owned()))
}

/// What a call of a function without arguments gives.
pub fn constant_result(dotted: &str) -> Option<V> {
    let text = match dotted {
        "platform.system" => "Linux",
        "platform.python_implementation" => "CPython",
        "sys.getfilesystemencoding" | "sys.getdefaultencoding" => "utf-8",
        _ => return None,
    };
    Some(V::Str(text.to_owned()))
}
