"""Prints stdlib_imports.txt: which modules of the standard library need which names of which others while they are imported.

One line a module: its name, then the modules that it imports whenever it is imported, each with the names that it takes of them
at once, `module(name,.attribute)`. What stands in `if`, `try` or a function may not run, and is left out, as are modules that nothing
can take the place of: built in, or loaded before the folder of the script is searched."""
import ast
import functools
import importlib.util
import os
import subprocess
import sys
import sysconfig

ROOT = sysconfig.get_paths()["stdlib"]
# With what `.pth` files and a site may load.
STARTED = "import sys, site, importlib.util, importlib.machinery, types, warnings, contextlib; print(*sys.modules)"
LOADED = set(subprocess.run([sys.executable, "-S", "-c", STARTED], capture_output=True, text=True, check=True).stdout.split())
# Modules for other systems.
ELSEWHERE = ("__main__", "windows_", "popen_spawn_win32", "proactor_")


@functools.cache
def replaceable(module):
    """Whether it is a file of Python: what is compiled here may be built in elsewhere."""
    spec = importlib.util.find_spec(module) if module not in LOADED else None
    return spec is not None and (spec.origin or "").endswith(".py")


def files():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if name not in ("site-packages", "test", "tests", "idlelib", "lib2to3", "__pycache__"))
        if folder != ROOT and "__init__.py" not in names:
            folders[:] = []
            continue
        for name in sorted(names):
            if name.endswith(".py"):
                parts = os.path.relpath(os.path.join(folder, name), ROOT)[:-3].split(os.sep)
                package = parts[-1] == "__init__"
                parts = parts[:-1] if package else parts
                if parts and all(part.isidentifier() for part in parts):
                    yield ".".join(parts), package, os.path.join(folder, name)


class Taken(ast.NodeVisitor):
    """Attributes that are read of names while a statement runs."""

    def __init__(self):
        self.found = []

    def visit_FunctionDef(self, node):
        for part in node.decorator_list + node.args.defaults + [value for value in node.args.kw_defaults if value]:
            self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node):
        pass

    def visit_If(self, node):
        self.visit(node.test)

    def visit_IfExp(self, node):
        self.visit(node.test)

    def visit_BoolOp(self, node):
        self.visit(node.values[0])

    def visit_Try(self, node):
        pass

    visit_TryStar = visit_For = visit_While = visit_With = visit_Try

    def visit_Attribute(self, node):
        if isinstance(node.value, ast.Name):
            self.found.append((node.value.id, node.attr))
        self.visit(node.value)


def needs(name, package, path):
    with open(path, "rb") as file:
        tree = ast.parse(file.read())
    found, bound = {}, {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.setdefault(alias.name, [])
                if alias.asname or "." not in alias.name:
                    bound[alias.asname or alias.name] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            base = node.module or ""
            if node.level:
                parts = name.split(".")
                parts = parts[: len(parts) - node.level + (1 if package else 0)]
                base = ".".join(parts + ([node.module] if node.module else []))
            taken = found.setdefault(base, [])
            taken += [alias.name for alias in node.names if alias.name != "*" and alias.name not in taken]
        else:
            visitor = Taken()
            visitor.visit(node)
            for module, attribute in visitor.found:
                module = bound.get(module)
                if module and f".{attribute}" not in found[module]:
                    found[module].append(f".{attribute}")
    return found


def main():
    version = ".".join(map(str, sys.version_info[:2]))
    print(f"# What modules of the standard library take of each other while they are imported. Made by stdlib_imports.py with Python {version}.")
    for name, package, path in sorted(files()):
        # A package is imported before what it has.
        parts = []
        for module, taken in needs(name, package, path).items():
            if not replaceable(module.split(".")[0]) or module.split(".")[0] == name.split(".")[0] and module == name:
                continue
            # Submodules of a package are not names of what takes its place.
            inside = module.split(".")[0] == name.split(".")[0]
            parts.append(f"{module}({','.join(taken)})" if taken and not inside else module)
        if parts and name not in LOADED and not name.split(".")[-1].startswith(ELSEWHERE):
            print(f"{name}: {' '.join(parts)}")


main()
