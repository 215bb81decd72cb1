# Sample 002-2. Changed: the indents were lost; the loop is a new one (since Python 3.14 get_event_loop makes none); since
# Python 3.11 wait takes no bare coroutines, so they become tasks of the loop.
import asyncio
import time
# A coroutine.
async def get_html(url):
    print("start get url")
    await asyncio.sleep(2) # waits for two seconds
    print("end get url")
if __name__ == '__main__':
    start_time = time.time()
    # ----------------2. given a list---------------
    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(get_html("http://www.baidu.com")) for _ in range(2)]
    loop.run_until_complete(asyncio.wait(tasks))
    end_time = time.time()
    print("共计花费时间:{}".format(end_time - start_time))
