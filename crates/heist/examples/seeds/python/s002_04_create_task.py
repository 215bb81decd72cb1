# Sample 002-4. Changed: the indents were lost; the loop is a new one (since Python 3.14 get_event_loop makes none).
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
    # ----------------4. with a result---------------
    loop = asyncio.new_event_loop()
    task = loop.create_task(get_html("http://www.baidu.com"))
    loop.run_until_complete(task)
    print(task.result())
    end_time = time.time()
    print("共计花费时间:{}".format(end_time - start_time))
