# Sample 001-10. Changed: the loop, its thread and the timeout were missing.
import asyncio
import threading

timeout = 60

def submit(loop):
    # Create a coroutine
    coro = asyncio.sleep(1, result=3)

    # Submit the coroutine to a given loop
    future = asyncio.run_coroutine_threadsafe(coro, loop)

    # Wait for the result with an optional timeout argument
    assert future.result(timeout) == 3
    print(3)
    loop.call_soon_threadsafe(loop.stop)

loop = asyncio.new_event_loop()
thread = threading.Thread(target=submit, args=(loop,))
thread.start()
loop.run_forever()
thread.join()
loop.close()
