"""A tiny process for the runner: says and does what its words tell it."""

import os
import signal
import subprocess
import sys
import time

name, log, *orders = sys.argv[1:]
orders = [order for order in orders if not order.startswith('--')]


def note(what):
    with open(log, 'a') as file:
        file.write(f'{what} {name}\n')


def end(_number, _frame):
    note('stopped')
    sys.exit(0)


signal.signal(signal.SIGTERM, signal.SIG_IGN if 'stubborn' in orders else end)
if 'slow' in orders:
    time.sleep(0.5)
if 'grandchild' in orders:
    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
    note(f'grandchild {child.pid}')
note(f'pid {os.getpid()}')
note('started')
sys.stdout.write('ready now\n')
sys.stdout.flush()
if 'fail' in orders:
    time.sleep(0.3)
    sys.stderr.write('[ERROR] the flux is reversed\n')
    sys.stderr.write('[INFO] unwinding\n')
    sys.exit(7)
time.sleep(60)
