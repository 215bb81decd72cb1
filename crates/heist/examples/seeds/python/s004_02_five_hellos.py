# Sample 004-2. Changed: the loop is a new one (since Python 3.14 get_event_loop makes none); since Python 3.11 wait takes no
# bare coroutines, so they become tasks of the loop.
import time
import asyncio

# An async function.
async def hello():
    print('Hello World:%s' % time.time())
    # It has to be await, and not yield from, which wants @asyncio.coroutine.
    await asyncio.sleep(1)
    print('Hello wow World:%s' % time.time())

def run():
    tasks = []
    for i in range(5):
        tasks.append(loop.create_task(hello()))
    loop.run_until_complete(asyncio.wait(tasks))

loop = asyncio.new_event_loop()
if __name__ =='__main__':
    run()
