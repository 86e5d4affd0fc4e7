//! Documentation of the rules of `start/`: what is met on the start path of a script, found by `audit::start_path`.

use crate::audit::rule::rules;

rules! {
    /// Finds calls with arguments that the callee does not take, or without one that it needs, on the start path: of first-party
    /// functions and constructors, those of dataclasses and named tuples included, of `lambda`s, and of functions
    /// and classes of the standard library of Python 3.11.
    ///
    /// Python raises `TypeError` there.
    ///
    /// Example: `super().__init__(port)`, where the base class takes a name and a port; `json.dumps(answer, indnt=2)`.
    ///
    /// Give the arguments that the definition asks for.
    ARGUMENT_COUNT = "start/argument-count", Error, High, "a call with arguments that the callee does not take";

    /// Finds operations on the start path that what they are done to does not allow: numbers read from texts that hold none,
    /// divisions by zero, keys, positions and members of enumerations that are not there, values that cannot be called, added,
    /// compared, joined, formatted, taken apart or managed by `with`.
    ///
    /// Python raises `TypeError`, `ValueError`, `KeyError`, `IndexError` or `ZeroDivisionError`. Said only of literals, of
    /// names that get nothing but literals, of words of the command line that the supervisor passes, and of environment variables
    /// that the container surely does not have. Also of an address that no ZeroMQ socket takes, of messages that the kind of a
    /// socket does not send or receive, or not yet (`ZMQError`), and of a
    /// thread whose class never calls `Thread.__init__` (`RuntimeError`), of `input()`, since agents have no standard input
    /// (`EOFError`), of what asyncio does only while a loop runs, of `None` where a path is needed, and of levels that `logging`
    /// does not know.
    ///
    /// Example: `PORT = "5570"`, and `PORT + 1`; `int(sys.argv[1])`, which is `--port`; `socket.bind("tcp//*:5570")`.
    ///
    /// Correct the value, or what is done to it.
    OPERATION = "start/bad-operation", Error, High, "an operation that its operands do not allow";

    /// Finds files that the start path reads with `json.load` or `yaml.safe_load`, and that are no JSON or YAML.
    ///
    /// Python raises `json.JSONDecodeError` or `yaml.YAMLError`. Said only of files of the tree whose path is known.
    ///
    /// Example: `with open("config/agents.json") as file: json.load(file)`, and a comma before the last bracket.
    ///
    /// Correct the file; the message says where it breaks.
    MALFORMED = "start/malformed-file", Error, High, "a file that its reader does not take";

    /// Finds environment variables that the start path cannot do without, and that neither the stack nor the code sets.
    ///
    /// Python raises `KeyError`.
    ///
    /// Example: `os.environ["API_TOKEN"]`, and no `API_TOKEN` under `environment:` of the group or its machine.
    ///
    /// Set it in the stack, or read it with a default.
    ENVIRONMENT = "start/environment", Error, High, "an environment variable that is not set";

    /// Finds `from module import name` on the start path, where the module is there and has no such name. The standard library's
    /// own imports count, too: a `queue.py` beside the script takes the place of its `queue`.
    ///
    /// Python raises `ImportError: cannot import name`.
    ///
    /// Example: `from typing import Di`, a line cut in mid-word.
    ///
    /// Correct the name, or define it in the module.
    CANNOT_IMPORT = "start/cannot-import-name", Error, High, "an import of a name that the module does not have";

    /// Finds flags that the supervisor passes (`--port`, `--health_check_port`, `--name`, one for each parameter) and that the
    /// script's parser (`argparse`, `optparse`, `getopt` or `click`) does not know.
    ///
    /// The parser prints its usage and exits with code 2.
    ///
    /// Example: `parser.add_argument("--agent_port")` and nothing for `--port`.
    ///
    /// Write `flags: none`, or `flags: [port]` with those that it takes, for the agent in the stack (`init` does), so that its `params`
    /// are all that it is given besides; or read them with `parse_known_args()`.
    FLAGS = "start/flags-rejected", Error, High, "flags of the supervisor that the script's parser refuses";

    /// Finds files and SQLite databases that are opened, or logged to, in a folder that neither the image nor a volume has.
    ///
    /// Python raises `FileNotFoundError`, for a database `sqlite3.OperationalError`, or `PermissionError` where the folder is read-only.
    ///
    /// Example: `logging.FileHandler("main_pc_code/logs/agent.log")`.
    ///
    /// Write below `/app/logs` or `/app/data`, or make the folder first.
    FOLDER = "start/missing-folder", Error, Medium, "a file opened in a folder that is not there";

    /// Finds imports on the start path of a module that is neither in the tree, as the container sees it, nor in the standard
    /// library, nor meant by a requirement.
    ///
    /// Python raises `ModuleNotFoundError`.
    ///
    /// Example: `import threa`, a line cut in mid-word.
    ///
    /// Correct the name. Do not install a package only because it is called like that.
    MODULE = "start/module-not-found", Error, High, "an import of a module that is nowhere";

    /// Finds files that are read on the start path and that neither the image nor a volume has.
    ///
    /// Python raises `FileNotFoundError`.
    ///
    /// Example: `open("config/agent.json")`, where the tree has no such file.
    ///
    /// Add the file to the tree, or do without it where it is not there.
    FILE = "start/missing-file", Error, High, "a file read that is not there";

    /// Finds attributes of modules, classes and objects of the tree, of modules of the standard library, and of values of built-in
    /// types, that are read on the start path and not there, or not there yet; and attributes that are set and that the object
    /// does not take: of a frozen dataclass, of a named tuple, of a class with `__slots__`, a property without a setter. What `__all__`
    /// lists has to be there for `from module import *`.
    ///
    /// Python raises `AttributeError`.
    ///
    /// Example: `helpers.load()`, where `helpers.py` lost its `load`; `self.port` in a class whose `__init__` does not call
    /// that of its base class, which sets it; `LIMITS.has_key("memory")` of a dictionary.
    ///
    /// Correct the name, or set it before it is read.
    ATTRIBUTE = "start/no-attribute", Error, High, "an attribute that is not there";

    /// Finds classes that cannot be made (a base twice, bases in an order that contradicts itself, a dataclass with a mutable
    /// default or with a field that lacks a default behind one that has one, an enumeration with a member twice or above
    /// another) and objects of classes that leave abstract methods open.
    ///
    /// Python raises `TypeError`, or `ValueError` for a mutable default.
    ///
    /// Example: `class A(ABC)` with an abstract `run()`, and `B(A)` without one, of which an object is made.
    ///
    /// Write the method, or put the bases in another order.
    CLASS = "start/class-error", Error, High, "a class or object that cannot be made";

    /// Finds exceptions that the start path always raises.
    ///
    /// Nothing catches them, or what does has nothing left to do: the process ends.
    ///
    /// Example: `raise NotImplementedError` in a method that the constructor calls.
    ///
    /// Finish what is not written yet.
    RAISES = "start/raises", Error, High, "an exception that is always raised";

    /// Finds calls of `sys.exit()` and its like that the start path always comes to, before anything that goes on.
    ///
    /// The process ends, whatever its exit code, and no port answers.
    ///
    /// Example: `sys.exit(1)` as the first line of `main()`.
    ///
    /// Start what serves first.
    EXITS = "start/exits", Error, High, "a script that ends itself when it is run";

    /// Finds placeholders of a template that are left in a string which is used on the start path.
    ///
    /// As an address, a path or a number the placeholder is wrong, and what uses it fails.
    ///
    /// Example: `socket.bind("tcp://<BIND_ADDR>:5570")`.
    ///
    /// Put the value in its place.
    PLACEHOLDER = "start/placeholder", Error, High, "a placeholder left in a string";

    /// Finds agents that bind one port twice: themselves, and in their base class. Where the port's number is not known, it is the
    /// same one as long as it is the same attribute of one object, and nothing else is assigned to that.
    ///
    /// The second bind fails with "Address already in use".
    ///
    /// Example: `self.socket.bind(f"tcp://*:{self.port}")` after `super().__init__(port=self.port)`, which binds it.
    ///
    /// Leave the bind to the base class, or use a port of its own.
    BOUND_TWICE = "start/port-bound-twice", Error, High, "a port that one agent binds twice";

    /// Finds files that Python cannot parse. On the start path of an agent that is an error, elsewhere a warning.
    ///
    /// Python raises `SyntaxError` at the import, however far from the agent's own code that is.
    ///
    /// Example: a function without a body at the end of a file that was cut.
    ///
    /// Mend the line that the message names.
    SYNTAX = "start/syntax-error", Error, High, "a file that Python cannot parse";

    /// Finds files that Python parses and refuses to compile. On the start path of an agent that is an error, elsewhere a
    /// warning.
    ///
    /// Python raises `SyntaxError` at the import, as for a file that it cannot parse; `ast.parse` does not see it.
    ///
    /// Example: `return` outside a function, `await` in one that is not `async`, `global` after the name's first use.
    ///
    /// Mend the line that the message names.
    COMPILE = "start/compile-error", Error, High, "a file that Python cannot compile";

    /// Finds names that are used on the start path and that nothing binds before.
    ///
    /// Python raises `NameError`. Scripts that were cut in mid-word often parse: `ding` is an expression.
    ///
    /// Example: a constant that is defined below the `__main__` block which uses it.
    ///
    /// Bind the name before it is used, or import it.
    UNDEFINED = "start/undefined-name", Error, High, "a name that nothing binds before it is used";

    /// Finds entry scripts that come to their end when they are run: empty ones, those that only define things, those whose
    /// `__main__` block starts nothing that goes on.
    ///
    /// The process ends with exit code 0, and no port answers.
    ///
    /// Example: a class with a `run()` method, and nothing below it that calls it.
    ///
    /// Call what serves from an `if __name__ == "__main__":` block.
    NOTHING = "start/does-nothing", Error, High, "a script that ends at once when it is run";

    /// Finds scripts that bind other ports than the configured one, or than the one on which their health is asked.
    ///
    /// The agent runs, and nobody reaches it: its health port and its port are asked elsewhere.
    ///
    /// Example: `socket.bind("tcp://*:5555")` in an agent whose `port:` is 5570.
    ///
    /// Take the port from `--port`, or configure the one that is bound.
    OTHER_PORT = "start/other-port", Warning, Medium, "a bound port that is not the configured one";
}
