"""Runs a command and writes into a file how much memory it had at most, in KiB, its children included.

    peak.py FILE COMMAND…

The kernel counts it, so that no peak is missed between two looks. It counts this interpreter's memory too, which the
command begins in: that is some 10 MiB.
"""
import os
import sys

file, *command = sys.argv[1:]
process = os.posix_spawnp(command[0], command, os.environ)
_, status, usage = os.wait4(process, 0)
with open(file, "w", encoding="ascii") as peak:
    peak.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status) % 256)
