"""Prints `stdlib_members.txt`: what objects of the standard library have.

    python3.11 stdlib_members.py > stdlib_members.txt

One class a line, as it is called, with the attributes of its objects; of double-underscore names only those that say
whether an object may be false.
"""

import collections
import configparser
import datetime
import decimal
import fractions
import ipaddress
import queue
import random
import re
import socket
import sqlite3
import string
import struct
import subprocess
import threading
import uuid
from concurrent import futures

OBJECTS = {
    "collections.Counter": collections.Counter(),
    "collections.OrderedDict": collections.OrderedDict(),
    "collections.defaultdict": collections.defaultdict(),
    "collections.deque": collections.deque(),
    "concurrent.futures.ThreadPoolExecutor": futures.ThreadPoolExecutor(1),
    "configparser.ConfigParser": configparser.ConfigParser(),
    "configparser.RawConfigParser": configparser.RawConfigParser(),
    "datetime.date": datetime.date.today(),
    "datetime.datetime": datetime.datetime.now(),
    "datetime.timedelta": datetime.timedelta(),
    "decimal.Decimal": decimal.Decimal(),
    "fractions.Fraction": fractions.Fraction(),
    "ipaddress.IPv4Address": ipaddress.IPv4Address("127.0.0.1"),
    "queue.LifoQueue": queue.LifoQueue(),
    "queue.PriorityQueue": queue.PriorityQueue(),
    "queue.Queue": queue.Queue(),
    "queue.SimpleQueue": queue.SimpleQueue(),
    "random.Random": random.Random(),
    "re.Match": re.match("", ""),
    "re.Pattern": re.compile(""),
    "socket.socket": socket.socket(),
    "sqlite3.Connection": sqlite3.connect(":memory:"),
    "string.Template": string.Template(""),
    "struct.Struct": struct.Struct("i"),
    "subprocess.Popen": subprocess.Popen(["true"]),
    "threading.Barrier": threading.Barrier(1),
    "threading.BoundedSemaphore": threading.BoundedSemaphore(),
    "threading.Condition": threading.Condition(),
    "threading.Event": threading.Event(),
    "threading.Lock": threading.Lock(),
    "threading.RLock": threading.RLock(),
    "threading.Semaphore": threading.Semaphore(),
    "threading.Timer": threading.Timer(1, print),
    "uuid.UUID": uuid.uuid4(),
}


def main():
    """Prints the table."""
    for name, instance in sorted(OBJECTS.items()):
        names = set(dir(instance)) | set(getattr(instance, "__dict__", ()))
        kept = sorted(name for name in names if not name.startswith("__") or name in ("__bool__", "__len__"))
        print(name, *kept)


main()
