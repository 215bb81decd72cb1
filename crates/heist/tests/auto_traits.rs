//! Which handles and futures may go to another thread (`Send`), be used from several (`Sync`) and be moved after they were polled
//! (`Unpin`). A change of this table is a change of the API.
#![cfg(not(heist_loom))]

use std::cell::Cell;
use std::rc::Rc;

/// Not Send: what a current-thread loop may work with.
type Local = Rc<u8>;
/// Send, and not Sync.
type Moved = Cell<u8>;
/// A future that is Send and Unpin.
type Plain = std::future::Ready<u8>;

/// The traits of this list that a type has.
macro_rules! traits_of {
    ($type:ty) => {{
        let mut has = Vec::new();
        traits_of!(has, $type, Send, "Send");
        traits_of!(has, $type, Sync, "Sync");
        traits_of!(has, $type, Unpin, "Unpin");
        has.join(" ")
    }};
    ($has:ident, $type:ty, $trait:path, $name:literal) => {{
        #[allow(dead_code, reason = "one of the two is not taken")]
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "one of the two is not taken")]
        impl<T: ?Sized + $trait> Probe<T> {
            const HAS: bool = true;
        }
        if <Probe<$type>>::HAS {
            $has.push($name);
        }
    }};
}

/// Compares each type with what is written beside it, and names all that differ.
macro_rules! table {
    ($($type:ty => $traits:literal,)*) => {{
        let mut differ = Vec::new();
        $(
            let found = traits_of!($type);
            if found != $traits {
                differ.push(format!("{} => {found:?},", stringify!($type)));
            }
        )*
        assert!(differ.is_empty(), "these have other traits:\n{}", differ.join("\n"));
    }};
}

#[test]
fn the_probe_tells_them_apart() {
    assert_eq!(traits_of!(u8), "Send Sync Unpin");
    assert_eq!(traits_of!(Moved), "Send Unpin");
    assert_eq!(traits_of!(Local), "Unpin");
    assert_eq!(traits_of!(std::marker::PhantomPinned), "Send Sync");
}

#[test]
fn loops_and_tasks() {
    table! {
        heist::Runner => "Unpin",
        heist::Builder => "Send Sync Unpin",
        heist::EventLoop => "Unpin",
        heist::Handle => "Send Sync Unpin",
        heist::Task<u8> => "Send Sync Unpin",
        heist::Task<Moved> => "Send Unpin",
        heist::Task<Local> => "Unpin",
        heist::TaskRef => "Send Sync Unpin",
        heist::TaskInfo => "Send Sync Unpin",
        heist::TaskError => "Send Sync Unpin",
        heist::CancelledError => "Send Sync Unpin",
        heist::SharedTask<u8> => "Send Sync Unpin",
        heist::SharedFuture<u8> => "Send Sync Unpin",
        heist::TaskBuilder<Plain> => "Send Sync Unpin",
        heist::CallbackHandle => "Send Sync Unpin",
        heist::TimerHandle => "Send Sync Unpin",
        heist::Metrics => "Send Sync Unpin",
        heist::ShutdownReport => "Send Sync Unpin",
        heist::ThreadPoolExecutor => "Send Sync Unpin",
        heist::ThreadFuture<u8> => "Send Sync Unpin",
        heist::WrappedFuture<u8> => "Send Sync Unpin",
        heist::contextvars::Context => "Send Sync Unpin",
        heist::ContextVar<u8> => "Send Sync Unpin",
        heist::TaskGroup<u8> => "Send Sync Unpin",
        heist::GroupTask<u8, u8> => "Send Sync Unpin",
        heist::GroupError<u8> => "Send Sync Unpin",
    }
}

#[test]
fn waiting() {
    table! {
        heist::Sleep => "Send Sync Unpin",
        heist::SleepResult<u8> => "Send Sync Unpin",
        heist::Timeout<Plain> => "Send Sync Unpin",
        heist::TimeoutError => "Send Sync Unpin",
        heist::TimeoutScope => "Send Sync Unpin",
        heist::Interval => "Send Sync Unpin",
        heist::YieldNow => "Send Sync Unpin",
        heist::WaitFor<heist::Task<u8>> => "Send Sync Unpin",
        heist::AsCompleted<heist::Task<u8>> => "Send Unpin",
        heist::CatchCancelled<Plain> => "Send Sync Unpin",
        heist::Passes => "Send Unpin",
        heist::future::Future<u8> => "Send Sync Unpin",
    }
}

#[test]
fn sharing() {
    table! {
        heist::Lock<u8> => "Send Sync Unpin",
        heist::Lock<Moved> => "Send Sync Unpin",
        heist::LockGuard<'static, u8> => "Send Sync Unpin",
        heist::OwnedLockGuard<u8> => "Send Sync Unpin",
        heist::AcquireLock<'static, u8> => "Send Sync",
        heist::LockFuture<'static, u8> => "Send Sync",
        heist::Semaphore => "Send Sync Unpin",
        heist::BoundedSemaphore => "Send Sync Unpin",
        heist::Permit<'static> => "Send Sync Unpin",
        heist::OwnedPermit => "Send Sync Unpin",
        heist::AcquirePermit<'static> => "Send Sync",
        heist::Event => "Send Sync Unpin",
        heist::EventWait<'static> => "Send Sync",
        heist::Condition => "Send Sync Unpin",
        heist::Barrier => "Send Sync Unpin",
        heist::BarrierWait<'static> => "Send Sync",
        heist::Queue<u8> => "Send Sync Unpin",
        heist::Queue<Moved> => "Send Sync Unpin",
        heist::LifoQueue<u8> => "Send Sync Unpin",
        heist::PriorityQueue<u8> => "Send Sync Unpin",
        heist::sync::Notify => "Send Sync Unpin",
        heist::sync::Notified<'static> => "Send Sync",
        heist::sync::RwLock<u8> => "Send Sync Unpin",
        heist::sync::ReadGuard<'static, u8> => "Send Sync Unpin",
        heist::sync::WriteGuard<'static, u8> => "Send Sync Unpin",
        heist::sync::OnceCell<u8> => "Send Sync Unpin",
        heist::sync::oneshot::Sender<u8> => "Send Sync Unpin",
        heist::sync::oneshot::Receiver<u8> => "Send Sync Unpin",
        heist::sync::mpsc::Sender<Moved> => "Send Sync Unpin",
        heist::sync::mpsc::Receiver<Moved> => "Send Sync Unpin",
        heist::sync::mpmc::Sender<Moved> => "Send Sync Unpin",
        heist::sync::mpmc::Receiver<Moved> => "Send Sync Unpin",
        heist::sync::broadcast::Sender<u8> => "Send Sync Unpin",
        heist::sync::broadcast::Receiver<u8> => "Send Sync Unpin",
        heist::sync::watch::Sender<u8> => "Send Sync Unpin",
        heist::sync::watch::Receiver<u8> => "Send Sync Unpin",
    }
}

#[test]
fn streams_and_sockets() {
    table! {
        heist::StreamReader => "Send Sync Unpin",
        heist::StreamWriter => "Send Sync Unpin",
        heist::StreamPair => "Send Sync Unpin",
        heist::Feeder => "Send Sync Unpin",
        heist::Lines<'static> => "Send Sync Unpin",
        heist::OpenConnection => "Send Sync Unpin",
        heist::Server => "Send Sync Unpin",
        heist::ServerSocket => "Send Sync Unpin",
        heist::ServerReport => "Send Sync Unpin",
        heist::ServerShutdown => "Send Sync Unpin",
        heist::ConnectError => "Send Sync Unpin",
        heist::ReadError => "Send Sync Unpin",
        heist::net::TcpListener => "Send Sync Unpin",
        heist::net::TcpStream => "Send Sync Unpin",
        heist::net::ReadHalf => "Send Sync Unpin",
        heist::net::WriteHalf => "Send Sync Unpin",
        heist::net::UdpSocket => "Send Sync Unpin",
        heist::fs::File => "Send Sync Unpin",
    }
}

#[cfg(unix)]
#[test]
fn unix_sockets_and_processes() {
    table! {
        heist::net::UnixListener => "Send Sync Unpin",
        heist::net::UnixStream => "Send Sync Unpin",
        heist::net::UnixDatagram => "Send Sync Unpin",
        heist::net::AsyncFd<std::fs::File> => "Send Sync Unpin",
        heist::Process => "Send Sync Unpin",
        heist::process::Command => "Send Sync Unpin",
        heist::signal::Signal => "Send Sync Unpin",
    }
}

#[cfg(feature = "tls")]
#[test]
fn tls() {
    table! {
        heist::tls::TlsAcceptor => "Send Sync Unpin",
        heist::tls::TlsConnector => "Send Sync Unpin",
        heist::tls::TlsInfo => "Send Sync Unpin",
        heist::tls::StartTls<'static> => "Send Sync Unpin",
    }
}

#[cfg(feature = "serve")]
#[test]
fn http() {
    table! {
        heist::serve::HttpServer => "Send Sync Unpin",
        heist::serve::ConnectionInfo => "Send Sync Unpin",
        heist::serve::ServeError => "Send Sync Unpin",
        heist::hyper::Executor => "Send Sync Unpin",
        heist::hyper::Timer => "Send Sync Unpin",
    }
}

/// Futures without a name: what matters of them is that a task may hold them.
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
