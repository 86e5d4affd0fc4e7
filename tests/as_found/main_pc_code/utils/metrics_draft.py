"""Never finished."""

import time


def measure(name):
    started = time.time(
