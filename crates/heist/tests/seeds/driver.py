"""Runs a Python program, and puts before each line that it prints the milliseconds of its loop's clock.

    driver.py PROGRAM TIME LINES

TIME is `virtual` or `real`. With virtual time the clock stands still while anything can run, and jumps to the next deadline
when nothing can. After so many LINES the loop that runs is stopped; 0 is never.
"""
import asyncio
import builtins
import os
import runpy
import selectors
import sys
import threading

if sys.version_info < (3, 11):
    sys.exit(77)  # what the test takes for "not this Python"

program, time, lines = sys.argv[1], sys.argv[2], int(sys.argv[3])
now = 0.0
printed = 0
lock = threading.Lock()


def loop_time(loop):
    return now


def select(selector, timeout=None):
    global now
    if timeout is None or timeout <= 0:
        return real_select(selector, timeout)
    events = real_select(selector, 0)
    if not events:
        now += timeout
    return events


if time == 'virtual':
    real_select = selectors.DefaultSelector.select
    selectors.DefaultSelector.select = select
    asyncio.BaseEventLoop.time = loop_time


def timed_print(*values, sep=' ', end='\n', file=None, flush=False):
    global printed
    if file is not None:
        return real_print(*values, sep=sep, end=end, file=file, flush=flush)
    with lock:
        for line in sep.join(str(value) for value in values).split('\n'):
            real_print(round(now * 1000), line, sep='\t', flush=True)
            printed += 1
        if printed == lines:
            asyncio.get_running_loop().stop()


real_print = builtins.print
builtins.print = timed_print
sys.argv = [program]
# As when Python itself runs it.
sys.path[0] = os.path.dirname(program)
runpy.run_path(program, run_name='__main__')
