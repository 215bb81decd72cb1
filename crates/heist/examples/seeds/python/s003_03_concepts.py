# Sample 003-3. Changed: it is text only; here is each thing that it names.
import asyncio
from functools import partial


async def coroutine(seconds):
    await asyncio.sleep(seconds)
    return seconds

def callback(argument, task):
    print(f'{argument}: {task.get_name()} is done')

async def callbacks():
    task = asyncio.create_task(coroutine(1), name='task')
    task.add_done_callback(partial(callback, 'callback'))
    print('result', await task)

async def cancels_a_gather():
    group = asyncio.gather(coroutine(10), coroutine(20))
    await asyncio.sleep(1)
    group.cancel()
    try:
        print(await group)
    except asyncio.CancelledError:
        print('the gather was cancelled')

async def call_family():
    loop = asyncio.get_running_loop()
    loop.call_later(1, lambda: print('call_later'))
    loop.call_at(loop.time() + 2, lambda: print('call_at'))
    loop.call_soon(lambda: print('call_soon'))
    loop.call_soon_threadsafe(lambda: print('call_soon_threadsafe'))
    await asyncio.sleep(3)

async def produces(queue, lock):
    for n in (1, 2):
        await queue.put(n)
        async with lock:
            print('put', n)

async def lock_and_queue():
    queue, lock = asyncio.Queue(), asyncio.Lock()
    producer = asyncio.create_task(produces(queue, lock))
    first = await queue.get()
    second = await queue.get()
    await producer
    print('got', first, 'and', second)

async def main():
    await callbacks()
    await cancels_a_gather()
    await call_family()
    await lock_and_queue()

asyncio.run(main())
