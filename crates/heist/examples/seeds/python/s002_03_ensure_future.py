# Sample 002-3. Changed: it is commented out there; the indents were lost; the loop is a new one, and is set (since
# Python 3.14 get_event_loop makes none).
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
    # ----------------3. with a result---------------
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    get_feature = asyncio.ensure_future(get_html("http://www.baidu.com"), loop=loop)
    loop.run_until_complete(get_feature)
    print(get_feature.result())
    end_time = time.time()
    print("共计花费时间:{}".format(end_time - start_time))
