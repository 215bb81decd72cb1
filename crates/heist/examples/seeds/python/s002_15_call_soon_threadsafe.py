# Sample 002-15. Changed: it was all one line; the loop is a new one (since Python 3.14 get_event_loop makes none).
import asyncio
import threading

def my_callback():
    print("Callback executed from another thread")

def thread_function(loop):
    loop.call_soon_threadsafe(my_callback)

loop = asyncio.new_event_loop()
thread = threading.Thread(target=thread_function, args=(loop,))
thread.start()
loop.run_forever()
