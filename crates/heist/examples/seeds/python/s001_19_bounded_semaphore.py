# Sample 001-19. Changed: it is text only.
import asyncio


async def main():
    sem = asyncio.BoundedSemaphore(1)
    await sem.acquire()
    sem.release()
    print('released')
    try:
        sem.release()
    except ValueError:
        print('released too many times')

asyncio.run(main())
