# The warm interpreter: imports what the agents of a group share, then forks a process for each one that is started.
#
# It runs as `python3 -u -c BOOT SOURCE FD KEEPER MODULE...`; BOOT executes this text in a namespace of its own, so that `__main__`
# stays untouched. FD is a stream socket. Messages have their length in front (4 bytes, little endian):
#
#   to the supervisor     `importing NAME`, `ready`, `refused WHY`; per request `started PID` or `failed WHY`
#   from the supervisor   an agent's command line, words joined by NUL; with it three descriptors, its stdout and stderr and the
#                         socket of its keeper
#
# KEEPER is the program that keeps an agent. It is a child of the supervisor and the agent's parent; PID is its own.
#
# An agent must not be able to tell that it was forked. Its script is run by the function of the interpreter that
# `python3 SCRIPT` ends in, with no Python frame below it; what this file imports for itself is forgotten again.
import _signal  # As `os` and `sys`, every interpreter has it from the start.
import os
import sys

FD, KEEPER, MODULES = int(sys.argv[2]), sys.argv[3], sys.argv[4:]

# The supervisor blocks the orders to stop, and what it starts inherits that.
_signal.pthread_sigmask(_signal.SIG_SETMASK, [])


def say(text):
    data = text.encode("utf-8", "replace")
    data = len(data).to_bytes(4, "little") + data
    while data:
        data = data[os.write(FD, data) :]


def refuse(why):
    say(f"refused {why}")
    os._exit(0)


def left_alone():
    """What an import must not change: agents that do not import the module would see it, or a fork cannot share it."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        children = True
    except ChildProcessError:
        children = False
    logging = sys.modules.get("logging")
    return {
        "starts a thread": len(os.listdir("/proc/self/task")),
        "starts a process": children,
        "keeps a file or socket open": os.listdir("/proc/self/fd"),
        "sets up logging": bool(logging and logging.root.handlers),
        "changes the environment": dict(os.environ),
        "changes the working directory": os.getcwd(),
        "changes sys.path": list(sys.path),
        "changes a hook of sys": (sys.excepthook, sys.unraisablehook, sys.displayhook, sys.stdout, sys.stderr),
        "changes how a signal is handled": [_signal.getsignal(number) for number in _signal.valid_signals()],
    }


def preload():
    """Imports the modules; gives up where one does what it must not."""
    # Agents do not look for modules in the working directory.
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    sys.argv[1:] = []
    before = left_alone()
    for name in MODULES:
        say(f"importing {name}")
        try:
            __import__(name)
        except BaseException as error:
            refuse(f"{name} cannot be imported: {type(error).__name__}: {error}")
        for what, value in left_alone().items():
            if value != before[what]:
                refuse(f"{name} {what} when it is imported")


def receive(control, size, descriptors):
    data = b""
    while len(data) < size:
        part, ancillary, _, _ = control.recvmsg(size - len(data), 64)
        if not part:
            os._exit(0)  # The supervisor is gone.
        for _, _, packed in ancillary:
            descriptors += [int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4)]
        data += part
    return data


def serve(control):
    """Answers requests; returns, with the words and the two descriptors, in the process of an agent."""
    while True:
        descriptors = []
        size = int.from_bytes(receive(control, 4, descriptors), "little")
        words = [os.fsdecode(word) for word in receive(control, size, descriptors).split(b"\0")]
        try:
            gate = fork(descriptors)
        except OSError as error:
            say(f"failed {error}")
            gate = None
        if gate is not None:
            # Not before the supervisor can know its pid. Nobody holds the other end: the interpreter that forked died.
            if os.read(gate, 1) != b"x":
                os._exit(1)
            os.close(gate)
            return words, descriptors[:2]
        for descriptor in descriptors:
            os.close(descriptor)


def fork(descriptors):
    """Forks an agent's process below a keeper. Returns in it the pipe it has to wait on, else nothing."""
    gate, opener = os.pipe()
    answer, teller = os.pipe()
    try:
        middle = os.fork()
        if middle == 0:
            try:
                if os.fork() == 0:
                    return keep(descriptors, gate, opener, answer, teller)
            except OSError as error:
                os.write(teller, b"failed " + str(error).encode())
            os._exit(0)
        # Once the one in the middle is reaped, the keeper has its new parent.
        os.waitpid(middle, 0)
        say(os.read(answer, 4096).decode())
        os.write(opener, b"x")
    finally:
        if os.getpid() == WARM:
            for end in (gate, opener, answer, teller):
                os.close(end)
    return None


def keep(descriptors, gate, opener, answer, teller):
    """Forks the agent's process, and becomes its keeper; returns in the agent's."""
    try:
        # Whoever ends the warm interpreter's group means no agent; whatever an agent leaves is its keeper's.
        os.setpgid(0, 0)
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        agent = os.fork()
        if agent == 0:
            for end in (opener, answer, teller, descriptors[2]):
                os.close(end)
            return gate
        os.setpgid(agent, agent)
        os.write(teller, b"started %d" % os.getpid())
    except OSError as error:
        os.write(teller, b"failed " + str(error).encode())
        os._exit(0)
    try:
        os.dup2(descriptors[2], 0)
        for descriptor in (*descriptors, FD):
            os.close(descriptor)
        os.execve(KEEPER, [KEEPER, "keep-agent", str(agent)], {})
    finally:
        os._exit(1)


def become(words, descriptors):
    """Makes this process look as if `words` had been started; returns the script's path as `__file__` has it."""
    for target, descriptor in enumerate(descriptors, 1):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.close(FD)
    # This text's frames hold the present `__main__` until the end, and the collector leaves alone what is older than the
    # fork: either way its globals would outlive the agent's clean-up.
    main = type(sys)("__main__")
    vars(main).update(vars(sys.modules["__main__"]))
    for name in MAIN:
        sys.modules[name] = main
    script = words[2]
    sys.argv = words[2:]
    sys.orig_argv = words
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
    rewrite_command_line(words)
    # What modules keep per process, and do not renew by themselves after a fork.
    modules = sys.modules
    if "threading" in modules:
        modules["threading"].main_thread()._set_native_id()
    if "logging" in modules:
        start = modules["logging"]._startTime
        modules["logging"]._startTime = time.time_ns() if isinstance(start, int) else time.time()
    if "multiprocessing.process" in modules:
        modules["multiprocessing.process"].current_process().authkey = os.urandom(32)
    if "numpy.random" in modules:
        modules["numpy.random"].seed()
    return os.fsencode(script if os.path.isabs(script) else os.path.join(os.getcwd(), script))


def rewrite_command_line(words):
    """`ps` shows the agent. The kernel reads these bytes from our own memory; there is room: SOURCE stands there."""
    line = b"\0".join(os.fsencode(word) for word in words) + b"\0"
    try:
        stat = os.open("/proc/self/stat", os.O_RDONLY)
        fields = [0, 0, 0, *map(int, os.read(stat, 4096).rpartition(b")")[2].split()[1:])]
        os.close(stat)
        code, stack, (data, data_end, heap, start, end, *environment) = fields[25:27], fields[27], fields[44:51]
    except (OSError, ValueError):
        return
    room = end - start
    ctypes.memmove(start, line.ljust(room, b"\0")[:room], room)
    # struct prctl_mm_map. Where the kernel refuses it, NULs follow the line.
    heap_end = ctypes.cast(LIBC.sbrk(0), ctypes.c_void_p).value
    values = [*code, data, data_end, heap, heap_end, stack, start, start + min(len(line), room)]
    MM_MAP[:] = (*values, *environment[:2], 0, 0xFFFFFFFF << 32)
    LIBC.prctl(PR_SET_MM, PR_SET_MM_MAP, MM_MAP, ctypes.sizeof(MM_MAP), 0)


if sys.version_info < (3, 9):
    refuse("this Python is older than 3.9")
WARM = os.getpid()
preload()
known = set(sys.modules)
import _socket
import ctypes
import gc
import resource
import time

# All that can be made before a fork is: what an agent's process touches is a page of its own.
for name in set(sys.modules) - known:
    del sys.modules[name]
LIBC = ctypes.CDLL(None)
LIBC.sbrk.restype = LIBC.fopen.restype = ctypes.c_void_p
PR_SET_MM, PR_SET_MM_MAP, PR_SET_CHILD_SUBREAPER = 35, 14, 36
MM_MAP = (ctypes.c_uint64 * 13)()
PATH = ctypes.create_string_buffer(os.pathconf("/", "PC_PATH_MAX") + 1)
# `multiprocessing` has a second name for it.
MAIN = [name for name, module in sys.modules.items() if module is sys.modules["__main__"]]


class Start(Exception):
    """Raised to leave every frame behind: the interpreter looks for `sys.excepthook`, and there finds what to run."""

    # PyRun_SimpleFileExFlags(this, PATH, 1, NULL): ctypes passes `_as_parameter_` in place of the exception.
    run = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p)(
        ("PyRun_SimpleFileExFlags", ctypes.pythonapi),
        ((1, "file"), (1, "name", PATH), (1, "close", 1), (1, "flags", None)),
    )

    def prepare(self):
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                delattr(sys, name)
        sys.excepthook = sys.__excepthook__

    def finish(result):
        # A script that raised has exit code 1, as this exception has. SystemExit never gets here.
        if result == 0:
            raise SystemExit(0)

    run.restype = finish
    prepare, run = property(prepare), property(run)


# As keepers limit what they start, and why.
signals = min(min(limit & 0xFFFFFFFFFFFFFFFF for limit in resource.getrlimit(resource.RLIMIT_SIGPENDING)) // 2, 4096)
resource.setrlimit(resource.RLIMIT_SIGPENDING, (signals, signals))
start = Start()
control = _socket.socket(fileno=FD)
say("ready")
gc.collect()
gc.disable()
gc.freeze()
words, descriptors = serve(control)
gc.enable()
control.detach()
PATH.value = become(words, descriptors)
start._as_parameter_ = ctypes.c_void_p(LIBC.fopen(PATH, b"rbe"))
sys.excepthook = "{1.prepare}{1.run}".format
raise start
