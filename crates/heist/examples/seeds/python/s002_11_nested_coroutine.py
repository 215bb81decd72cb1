# Sample 002-11. Changed: the indents were lost.
import asyncio

async def nested():
    print("This is the nested coroutine")
    await asyncio.sleep(2)
    return "Nested coroutine result"

async def main():
    print("Main coroutine started")

    # Awaits the nested coroutine.
    result = await nested()

    print("Main coroutine received:", result)
    print("Main coroutine finished")

asyncio.run(main())
