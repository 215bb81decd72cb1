# Sample 001-15. Changed: it is the fragment between the comments.
import asyncio


async def main():
    lock = asyncio.Lock()

    # ... later
    await lock.acquire()
    try:
        # access shared state
        print('locked:', str(lock.locked()).lower())
    finally:
        lock.release()
    print('locked:', str(lock.locked()).lower())

asyncio.run(main())
