"""Reads the limits of the container that it runs in, and what the processes that it is told of use; prints JSON."""
import json, os, sys, time

asked = json.load(sys.stdin)
cgroup = "/sys/fs/cgroup/"


def first(*paths):
    """The number in the first of these files that is there; None where it says that there is no limit."""
    for path in paths:
        try:
            text = open(path).read().strip()
        except OSError:
            continue
        return None if text == "max" or int(text) >= 1 << 62 else int(text)
    return None


def fields(*paths):
    """The numbers by name in the first of these files that is there."""
    for path in paths:
        try:
            return {words[0]: int(words[1]) for words in map(str.split, open(path)) if len(words) == 2}
        except OSError:
            continue
    return {}


def cpu_limit():
    """Thousandths of a processor; None where there is no limit."""
    try:
        quota, period = open(cgroup + "cpu.max").read().split()
    except OSError:
        quota, period = (first(cgroup + "cpu/cpu.cfs_%s_us" % name) for name in ("quota", "period"))
    if quota in (None, "max") or int(quota) < 0:
        return None
    return round(1000 * int(quota) / int(period))


def throttled():
    """Microseconds in which it was held back."""
    found = fields(cgroup + "cpu.stat", cgroup + "cpu/cpu.stat")
    return found.get("throttled_usec", found.get("throttled_time", 0) // 1000)


def cpu(pid):
    """Seconds of CPU time of all its threads: in nanoseconds here, in hundredths of a second elsewhere."""
    tasks = "/proc/%d/task" % pid
    return sum(int(open("%s/%s/schedstat" % (tasks, task)).read().split()[0]) for task in os.listdir(tasks)) / 1e9


def memory(pid, field):
    for line in open("/proc/%d/status" % pid):
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return 0


def measured(pids, look):
    found = {}
    for name, pid in pids.items():
        try:
            found[name] = look(pid)
        except OSError:
            pass
    return found


held, before, began = throttled(), measured(asked["pids"], cpu), time.monotonic()
time.sleep(asked["seconds"])
after, took = measured(asked["pids"], cpu), time.monotonic() - began
agents = measured(
    {name: pid for name, pid in asked["pids"].items() if name in before and name in after},
    lambda pid: {"resident": memory(pid, "VmRSS"), "peak": memory(pid, "VmHWM")},
)
for name, agent in agents.items():
    agent["cpu_ms"] = round(1000 * after[name])
    agent["cpu_percent"] = 100 * (after[name] - before[name]) / took
killed = fields(cgroup + "memory.events", cgroup + "memory/memory.oom_control")
print(json.dumps({
    "memory_limit": first(cgroup + "memory.max", cgroup + "memory/memory.limit_in_bytes"),
    "cpu_limit": cpu_limit(),
    "killed": killed.get("oom_kill", 0),
    "throttled_percent": min(100.0, (throttled() - held) / (took * 1e4)),
    "pids_limit": first(cgroup + "pids.max", cgroup + "pids/pids.max"),
    "pids": first(cgroup + "pids.current", cgroup + "pids/pids.current") or 0,
    "supervisor_peak": memory(1, "VmHWM"),
    "agents": agents,
}))
