# Sample 000-2. Changed: the import and the task were missing; the loop is a new one (since Python 3.14 get_event_loop makes
# none); run_unitl_complete was misspelt.
import asyncio


async def work():
    print('work')

# Get an event loop.
loop = asyncio.new_event_loop()

# Put a task into its list of tasks.
loop.run_until_complete(work())
