"""Prints modules.txt's lines for distributions whose names are read from standard input: top-level modules of wheels of the last
years, as their lists of files have them. The argument is the address of a package index's JSON interface, with {} in the place of the
name. No more of a wheel is read than its directory."""
import concurrent.futures
import datetime
import io
import json
import re
import sys
import urllib.parse
import urllib.request
import zipfile

INDEX = sys.argv[1]
# One wheel of each of so many years ago, where there is one.
AGES = [0, 2, 4]
# Names that distributions install by mistake, or that no distribution owns.
COMMON = {
    "tests", "test", "testing", "docs", "doc", "examples", "example", "benchmarks", "benchmark", "scripts", "script", "tools", "utils",
    "util", "common", "core", "config", "configs", "src", "lib", "data", "models", "model", "bin", "build", "dist", "setup", "conftest",
    "samples", "demo", "demos", "app", "main", "helpers", "resources", "assets", "templates", "agents", "agent", "services", "server",
    "client", "api", "tasks", "version", "plugins", "integration", "images", "notebooks", "ci", "etc", "share", "licenses",
    "engine", "filterbanks", "losses", "masknn", "public", "trainer", "training", "tree", "events", "factory", "plugin", "proto", "proxy",
    "curl", "daemon", "spider", "schema", "supervisor",
}


class Remote(io.RawIOBase):
    """A file on a server, of which ranges are read."""

    def __init__(self, url, size):
        self.url, self.size, self.at, self.held = url, size, 0, (size, b"")

    def seekable(self):
        return True

    def readable(self):
        return True

    def tell(self):
        return self.at

    def seek(self, offset, whence=io.SEEK_SET):
        self.at = {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence] + offset
        return self.at

    def readinto(self, buffer):
        wanted = min(len(buffer), self.size - self.at)
        if wanted <= 0:
            return 0
        start, held = self.held
        if not start <= self.at or self.at + wanted > start + len(held):
            # What stands before it is asked for next.
            start = max(0, min(self.at, self.size - 65536))
            end = max(self.at + wanted, min(self.size, start + 65536))
            request = urllib.request.Request(self.url, headers={"Range": f"bytes={start}-{end - 1}"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                held = answer.read()
            self.held = (start, held)
        part = held[self.at - start : self.at - start + wanted]
        buffer[: len(part)] = part
        self.at += len(part)
        return len(part)


def modules(wheel):
    found = set()
    with zipfile.ZipFile(io.BufferedReader(Remote(urllib.parse.urljoin(INDEX, wheel["url"]), wheel["size"]), 65536)) as archive:
        for path in archive.namelist():
            first, _, rest = path.partition("/")
            if re.fullmatch(r".*\.data", first) and rest.split("/")[0] in ("purelib", "platlib"):
                first, _, rest = rest.partition("/")[2].partition("/")
            if rest and first.isidentifier() and rest.endswith((".py", ".so", ".pyi")):
                found.add(first)
            elif not rest and path.endswith((".py", ".so")):
                found.add(path.split("/")[-1].split(".")[0])
    return {name for name in found if name.isidentifier() and name.lower() not in COMMON}


def line(name):
    with urllib.request.urlopen(INDEX.format(name), timeout=60) as answer:
        releases = json.load(answer)["releases"]
    wheels = [
        file
        for files in releases.values()
        for file in files
        if file["packagetype"] == "bdist_wheel" and not file["yanked"] and "win" not in file["filename"]
    ]
    found = set()
    for age in AGES:
        until = (datetime.datetime.now() - datetime.timedelta(days=365 * age)).isoformat()
        before = [wheel for wheel in wheels if wheel["upload_time"] <= until]
        if before:
            found |= modules(max(before, key=lambda wheel: wheel["upload_time"]))
    return f"{name}: {' '.join(sorted(found))}" if found else None


def attempt(name):
    try:
        return line(name)
    except Exception as error:
        print(f"{name}: {error}", file=sys.stderr)
        return None


if __name__ == "__main__":
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for text in pool.map(attempt, sorted({name.strip() for name in sys.stdin if name.strip()})):
            if text:
                print(text, flush=True)
