"""Prints `stdlib_signatures.txt`: what functions and constructors of the standard library take.

    python3.11 stdlib_signatures.py > stdlib_signatures.txt

Only what `inspect.signature` can tell, and what refuses some call: who takes any arguments is left out.
"""

import enum
import importlib
import inspect
import sys
import warnings

MODULES = """argparse ast asyncio base64 bisect builtins collections concurrent.futures configparser contextlib copy csv
dataclasses difflib email.message email.mime.text email.mime.multipart fnmatch functools getpass glob gzip hashlib heapq html
http.client http.server importlib importlib.util inspect io ipaddress itertools json logging logging.config logging.handlers
math mimetypes multiprocessing os os.path pathlib pickle platform pprint queue random re sched secrets select selectors shelve
shlex shutil signal smtplib socket socketserver sqlite3 ssl statistics string struct subprocess tarfile tempfile textwrap
threading time timeit traceback types urllib.parse urllib.request uuid wave weakref zipfile zlib zoneinfo""".split()

# What they give their other keywords to refuses any that they do not name themselves.
CLOSED = {"json.dump", "json.dumps", "json.load", "json.loads"}

# Their default is the very value that says that there is none.
OPTIONAL = {"inspect.Parameter": {"default", "annotation"}, "inspect.Signature": {"return_annotation"}}

KINDS = inspect.Parameter


def shown(name, signature):
    """The parameters as words: `name`, `name?` with a default, `/`, `*`, `*name`, `**name`."""
    words, keyword_only, positional_only = [], False, False
    for parameter in signature.parameters.values():
        if positional_only and parameter.kind is not KINDS.POSITIONAL_ONLY:
            words.append("/")
        positional_only = parameter.kind is KINDS.POSITIONAL_ONLY
        if parameter.kind is KINDS.KEYWORD_ONLY and not keyword_only:
            words.append("*")
            keyword_only = True
        needed = parameter.default is KINDS.empty and parameter.name not in OPTIONAL.get(name, ())
        optional = "" if needed else "?"
        if parameter.kind is KINDS.VAR_POSITIONAL:
            keyword_only = True
            words.append("*" + parameter.name)
        elif parameter.kind is KINDS.VAR_KEYWORD:
            if name not in CLOSED:
                words.append("**" + parameter.name)
        else:
            words.append(parameter.name + optional)
    if positional_only:
        words.append("/")
    return words


def main():
    """Prints the table."""
    warnings.simplefilter("ignore")
    lines = []
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in sorted(dir(module)):
            value = getattr(module, name)
            if name.startswith("_") or not callable(value) or isinstance(value, enum.EnumMeta):
                continue
            if isinstance(value, type) and issubclass(value, BaseException):
                continue
            # A class whose metaclass or `__new__` takes anything may still refuse it later; that is not told here.
            try:
                signature = inspect.signature(value)
            except (ValueError, TypeError):
                continue
            kinds = [parameter.kind for parameter in signature.parameters.values()]
            full = f"{module_name}.{name}"
            if KINDS.VAR_POSITIONAL in kinds and KINDS.VAR_KEYWORD in kinds and full not in CLOSED:
                continue
            lines.append(" ".join([full, *shown(full, signature)]))
    print("# What functions and constructors of the standard library take, one a line: the name, then the parameters; `?` has a default.")
    print("# Made on Linux with Python 3.11 by `stdlib_signatures.py`.")
    print("\n".join(sorted(lines)))


if __name__ == "__main__":
    sys.exit(main())
