# Sample 003-1. Changed: the imports and get_url were missing; the loop is a new one (since Python 3.14 get_event_loop makes none).
import asyncio
import concurrent.futures
import time


def get_url(url):
    print('start', url)
    time.sleep(0.02)
    print('end', url)

loop = asyncio.new_event_loop()
executor = concurrent.futures.ThreadPoolExecutor(1)
tasks = []
for i in range(20):
    url = 'http://baidu.com'
    task = loop.run_in_executor(executor, get_url, url)  # a future
    tasks.append(task)
loop.run_until_complete(asyncio.wait(tasks))
