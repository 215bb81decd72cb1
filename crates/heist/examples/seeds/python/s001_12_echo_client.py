# Sample 001-12. Changed: SEED_PORT names another port than 8888.
import asyncio
import os

async def tcp_echo_client(message):
    reader, writer = await asyncio.open_connection(
        '127.0.0.1', int(os.environ.get('SEED_PORT', 8888)))

    print(f'Send: {message!r}')
    writer.write(message.encode())

    data = await reader.read(100)
    print(f'Received: {data.decode()!r}')

    print('Close the connection')
    writer.close()

asyncio.run(tcp_echo_client('Hello World!'))
