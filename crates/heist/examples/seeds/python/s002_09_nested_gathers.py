# Sample 002-9. Changed: the indents were lost; the loop is a new one, and is set, since the gathers are made outside of
# it; since Python 3.14 they want futures there, so the coroutines are tasks of the loop.
import asyncio
import time
# A coroutine.
async def get_html(url):
    print("start get url")
    await asyncio.sleep(2) # waits for two seconds
    print("end get url")
    return "hello world"
if __name__ == '__main__':
    start_time = time.time()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    group1 = [loop.create_task(get_html("http://www.baidu.com")) for _ in range(2)]
    group2 = [loop.create_task(get_html("http://www.baidu.com")) for _ in range(2)]
    group1 = asyncio.gather(*group1)
    group2 = asyncio.gather(*group2)
    # group1.cancel() cancels the tasks
    loop.run_until_complete(asyncio.gather(group1,group2))
    end_time = time.time()
    print("共计花费时间:{}".format(end_time - start_time))
