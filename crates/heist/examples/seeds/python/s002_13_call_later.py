# Sample 002-13. Changed: it was all one line; the loop is a new one (since Python 3.14 get_event_loop makes none).
import asyncio

def my_callback():
    print("Callback executed after 5 seconds")

loop = asyncio.new_event_loop()
loop.call_later(5, my_callback)
loop.run_forever()
