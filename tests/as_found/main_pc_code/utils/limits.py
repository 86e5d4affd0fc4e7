from main_pc_code.utils.sandbox import run_in_sandbox

DEFAULT = "5s"


def as_seconds(text):
    return float(text.rstrip("s"))


def probe():
    return run_in_sandbox("print(1)", {"seconds": as_seconds(DEFAULT)})
