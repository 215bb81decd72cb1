# Sample 002-16. Changed: the indents were lost; the loop is a new one (since Python 3.14 get_event_loop makes none);
# the number of threads is given.
import asyncio
import time
# The pool of threads.
from concurrent.futures import ThreadPoolExecutor
# A plain function, which blocks.
def get_html(url):
    print("获取url: {}".format(url))
    time.sleep(3)
    print("get_html end ")
if __name__ == '__main__':
    start_time = time.time()
    loop = asyncio.new_event_loop()
    executor = ThreadPoolExecutor(8)
    tasks = []
    tasks = [loop.run_in_executor(executor,get_html, "http://www.baidu.com") for _ in range(3)]
    loop.run_until_complete(asyncio.wait(tasks))
    print("cost time :{}".format(time.time()-start_time))
