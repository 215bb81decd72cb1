//! Futures without a name: what matters of them is that a task may hold them.

#[test]
fn futures_of_methods_are_send() {
    fn is_send<T: Send>(_future: T) {}

    let mut reader = heist::StreamReader::from_bytes("");
    is_send(reader.read(1));
    is_send(reader.read_to_end());
    is_send(reader.readexactly(1));
    is_send(reader.readline());
    is_send(reader.readuntil(b"x"));
    is_send(reader.peek(1));
    is_send(heist::net::TcpListener::bind("127.0.0.1:0"));
    is_send(heist::net::TcpStream::connect("127.0.0.1:0"));
    is_send(heist::fs::read("nowhere"));
    is_send(heist::fs::File::open("nowhere"));
    is_send(heist::gather!(async { 1 }, async { 2 }));
    is_send(heist::join!(async { 1 }, async { 2 }));
    is_send(heist::race!(async { 1 }, async { 2 }));
    is_send(heist::shield(async { 1 }));
    is_send(heist::timeout(std::time::Duration::ZERO, async { 1 }));
    is_send(heist::start_server(async |_: heist::StreamReader, _: heist::StreamWriter| (), "127.0.0.1:0"));
    let queue = heist::Queue::<u8>::new();
    is_send(queue.get());
    is_send(queue.put(1));
    is_send(queue.join());
    let condition = heist::Condition::new();
    let lock = heist::Lock::new(());
    is_send(async { condition.wait(lock.lock().await).await });
}
