# Sample 001-9. Changed: it is the one line with wait, and a list of the conditions; here are tasks and each condition.
import asyncio


async def sleeper(seconds):
    await asyncio.sleep(seconds)
    if seconds == 2:
        raise Exception('two')

async def show(name, condition):
    aws = [asyncio.create_task(sleeper(seconds)) for seconds in (1, 2, 3)]
    done, pending = await asyncio.wait(aws, return_when=condition)
    print(f'{name}: {len(done)} done, {len(pending)} pending')
    # Looked at, so that nothing is reported about them.
    for task in aws:
        task.add_done_callback(lambda task: task.cancelled() or task.exception())

async def main():
    await show('FIRST_COMPLETED', asyncio.FIRST_COMPLETED)
    await show('FIRST_EXCEPTION', asyncio.FIRST_EXCEPTION)
    await show('ALL_COMPLETED', asyncio.ALL_COMPLETED)

asyncio.run(main())
