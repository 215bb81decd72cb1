# Sample 004-1, as it is.
import time

def hello():
    time.sleep(1)

def run():
    for i in range(5):
        hello()
        print('Hello World:%s' % time.time())
if __name__ == '__main__':
    run()
