# Sample 000-3. Changed: the import and the last line were missing; the done set is printed, as the note shows it, by name.
import asyncio


async def nested():
    print(1)
    await asyncio.sleep(2)
    print(2)
    return 'return'

async def main():
    task_list = [
        asyncio.create_task(nested(), name='n1'),
        asyncio.create_task(nested(), name='n2')
    ]
    # done: the tasks that have ended; pending: those that had not when the timeout passed.
    done, pending = await asyncio.wait(task_list, timeout=None, return_when=asyncio.tasks.ALL_COMPLETED)
    print('{' + ', '.join(repr(task) for task in sorted(done, key=asyncio.Task.get_name)) + '}')

asyncio.run(main())
