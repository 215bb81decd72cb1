# Sample 002-10. Changed: the indents were lost; the loop is a new one (since Python 3.14 get_event_loop makes none);
# since Python 3.11 wait takes no bare coroutines, so they are tasks of the loop.
import asyncio
async def get_html(time):
    print("start get html")
    await asyncio.sleep(time)
    print("end get html")
if __name__ == '__main__':
    loop = asyncio.new_event_loop()

    task1 = loop.create_task(get_html(2))
    task2 = loop.create_task(get_html(3))
    task3 = loop.create_task(get_html(3))

    tasks = [task1, task2, task3]

    try:
        loop.run_until_complete(asyncio.wait(tasks))
    except KeyboardInterrupt as e:
        all_tasks = asyncio.all_tasks(loop=loop)
        for task in all_tasks:
            print("task cancel")
            task.cancel()
        loop.stop()
        loop.run_forever()
    finally:
        loop.close()
