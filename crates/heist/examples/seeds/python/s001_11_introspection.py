# Sample 001-11. Changed: it is text only; here the two functions are asked.
import asyncio


async def worker():
    print('current_task in the worker:', asyncio.current_task().get_name())

def print_names():
    print('all_tasks:', ' '.join(sorted(task.get_name() for task in asyncio.all_tasks())))

def callback():
    print('current_task in a callback:', asyncio.current_task())

async def main():
    asyncio.current_task().set_name('main')
    task = asyncio.create_task(worker(), name='worker')
    print_names()
    await task
    print_names()
    asyncio.get_running_loop().call_soon(callback)
    await asyncio.sleep(0)

asyncio.run(main())
