# Sample 002-1. Changed: it is commented out there; the indents were lost; the loop is a new one (since Python 3.14 get_event_loop makes none).
import asyncio
import time
# A coroutine.
async def get_html(url):
    print("start get url")
    await asyncio.sleep(2) # waits for two seconds
    print("end get url")
if __name__ == '__main__':
    start_time = time.time()
    #----------------1. given a coroutine---------------
    loop = asyncio.new_event_loop()
    loop.run_until_complete(get_html("http://www.baidu.com"))
    end_time = time.time()
    print("共计花费时间:{}".format(end_time-start_time))
