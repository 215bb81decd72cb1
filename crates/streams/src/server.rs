//! [`start_server`] and [`Server`].
//!
//! Each listening socket has a task that accepts; each connection has a task that runs the handler. What they share is
//! the [`Server`]'s state behind one lock, taken once when a connection comes and once when it ends.
//!
//! An error of `accept` never ends a server. What concerns one connection (the peer was gone before it was accepted) is
//! skipped. What concerns the machine (out of descriptors, out of memory) is reported once, and the socket rests for a
//! moment, longer each time, until accepting works again; new connections wait in the backlog meanwhile.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::io;
use std::net::{self, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use heist_core::budget::poll_proceed;
use heist_core::sync::Mutex;
use heist_reactor::{Direction, IoSource};
use heist_scheduler::{Handle, Task};
use socket2::Socket;

use crate::address::{Purpose, Target};
use crate::connect::check_limit;
use crate::net::{accept_now, bind, listen, no_delay};
use crate::report::report;
use crate::waiters::Waiters;
use crate::wire::streams_over_socket;
use crate::{DEFAULT_LIMIT, StreamReader, StreamWriter, ToAddress};

/// How many connections may wait to be accepted, when nothing else is said; asyncio's default.
const BACKLOG: u32 = 100;
/// How long a socket rests after the first error of a row, and at most: asyncio's ACCEPT_RETRY_DELAY.
const FIRST_REST: Duration = Duration::from_millis(20);
const LONGEST_REST: Duration = Duration::from_secs(1);

/// What a connection handler may give: nothing, or a `Result` whose error is reported.
#[diagnostic::on_unimplemented(
    message = "a connection handler gives `()` or `Result<(), E>` where `E: Display`, not `{Self}`",
    note = "end the handler with `Ok(())`, or with a semicolon"
)]
pub trait Outcome {
    /// What went wrong, if something did.
    fn failure(&self) -> Option<&dyn fmt::Display>;
}

impl Outcome for () {
    fn failure(&self) -> Option<&dyn fmt::Display> {
        None
    }
}

impl<T: Outcome, E: fmt::Display> Outcome for Result<T, E> {
    fn failure(&self) -> Option<&dyn fmt::Display> {
        match self {
            Ok(value) => value.failure(),
            Err(error) => Some(error),
        }
    }
}

/// Starts a server that calls `handler` with the streams of each connection; asyncio's `start_server`. Await it, perhaps
/// after setting options.
///
/// The handler runs in a task of its own per connection. It may be a closure, an async closure or a function; its future
/// is Send. A handler that fails or panics is reported and ends its connection; the server goes on.
///
/// The address may have several: `"localhost:8888"` listens on IPv4 and IPv6, `(None, 8888)` on all interfaces of both.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use heist_streams::start_server;
///
/// let server = start_server(
///     async |mut reader, writer| {
///         let data = reader.read(100).await?;
///         println!("Received {:?} from {}", String::from_utf8_lossy(&data), writer.peer_addr()?);
///         writer.write(&data);
///         writer.drain().await?;
///         writer.close();
///         std::io::Result::Ok(())
///     },
///     "127.0.0.1:8888",
/// )
/// .await?;
/// println!("Serving on {}", server.sockets()[0].local_addr()?);
/// server.serve_forever().await?;
/// # Ok(())
/// # }
/// ```
pub fn start_server<H, Fut>(handler: H, address: impl ToAddress) -> StartServer<H>
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    StartServer {
        handler,
        target: address.to_target(),
        limit: DEFAULT_LIMIT,
        backlog: BACKLOG,
        reuse_address: cfg!(unix),
        reuse_port: false,
        start_serving: true,
    }
}

/// A server about to be started; see [`start_server`].
///
/// # Errors
///
/// Awaiting it fails when one of its addresses cannot be listened on, with the address and what to do in the message:
/// in use, not of this machine, no permission. An address family that the machine lacks is left out, as long as another
/// is there. A host that is unknown, an address that is none and a limit of 0 are errors, too.
#[must_use = "await it to start the server"]
pub struct StartServer<H> {
    handler: H,
    target: io::Result<Target>,
    limit: usize,
    backlog: u32,
    reuse_address: bool,
    reuse_port: bool,
    start_serving: bool,
}

impl<H> fmt::Debug for StartServer<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartServer")
            .field("target", &self.target)
            .field("limit", &self.limit)
            .field("backlog", &self.backlog)
            .finish_non_exhaustive()
    }
}

impl<H> StartServer<H> {
    /// How many bytes the readers take for one line; 64 KiB when not set.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// How many connections may wait to be accepted; 100 when not set.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// Whether the address may be used again while old connections on it are still timing out; yes on Unix when not set.
    pub fn reuse_address(mut self, reuse: bool) -> Self {
        self.reuse_address = reuse;
        self
    }

    /// Whether other sockets may listen on the same port, with connections spread among them; no when not set.
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// Whether to accept connections at once; yes when not set. Otherwise [`Server::start_serving`] or
    /// [`Server::serve_forever`] begins.
    pub fn start_serving(mut self, start: bool) -> Self {
        self.start_serving = start;
        self
    }
}

impl<H, Fut> StartServer<H>
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    async fn start(self) -> io::Result<Server> {
        check_limit(self.limit)?;
        if Handle::current().is_none() {
            return Err(io::Error::other("start_server needs an event loop: await it inside heist::run"));
        }
        let addresses = self.target?.resolve(Purpose::Listen).await?;
        let bound = bind_all(&addresses, self.reuse_address, self.reuse_port)?;
        let sockets = bound.iter().map(|(_, address)| ServerSocket { address: *address }).collect();
        let (handler, limit, backlog) = (self.handler, self.limit, self.backlog);
        let begin: Begin = Box::new(move |shared, listener, address| {
            let accepting = accept_all(listener, address, handler.clone(), limit, Accepting::new(shared));
            heist_scheduler::spawn(accepting).with_name("Server accepting")
        });
        let state = State { begin: Some(begin), bound, sockets, ..State::default() };
        let shared = Arc::new(Shared { backlog, state: Mutex::new(state) });
        let server = Server { shared };
        if self.start_serving {
            server.start_serving()?;
        }
        Ok(server)
    }
}

impl<H, Fut> IntoFuture for StartServer<H>
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    type Output = io::Result<Server>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<Server>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

/// Binds to all addresses, leaving out the ones that this machine does not have at all.
fn bind_all(
    addresses: &[SocketAddr],
    reuse_address: bool,
    reuse_port: bool,
) -> io::Result<Vec<(Socket, SocketAddr)>> {
    let mut bound = Vec::new();
    let mut left_out = None;
    for &address in addresses {
        // With IPv4 listened on separately, the IPv6 socket must leave it alone.
        let attempt = bind(address, reuse_address, reuse_port, true).and_then(|socket| {
            let bound = socket.local_addr()?.as_socket().unwrap_or(address);
            Ok((socket, bound))
        });
        match attempt {
            Ok(socket) => bound.push(socket),
            Err(error) if addresses.len() > 1 && is_missing(&error) => left_out = Some((address, error)),
            Err(error) => return Err(cannot_listen(address, &error)),
        }
    }
    match left_out {
        Some((address, error)) if bound.is_empty() => Err(cannot_listen(address, &error)),
        _ => Ok(bound),
    }
}

/// Whether the machine lacks the address or its family.
fn is_missing(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EAFNOSUPPORT) {
        return true;
    }
    error.kind() == io::ErrorKind::AddrNotAvailable
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": another program listens there; choose another port, or 0 for any free one"
        }
        io::ErrorKind::PermissionDenied => ": ports below 1024 need a privilege; choose a higher one",
        io::ErrorKind::AddrNotAvailable => ": this machine does not have that address",
        _ => "",
    };
    io::Error::new(error.kind(), format!("cannot listen on {address}: {error}{advice}"))
}

/// A server; asyncio's `Server`. Clones are the same server.
///
/// Dropping it leaves it serving, until the event loop is closed; [`close`](Self::close) ends it.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// A socket that a [`Server`] listens on.
#[derive(Debug, Clone)]
pub struct ServerSocket {
    address: SocketAddr,
}

impl ServerSocket {
    /// The address that it listens on; asyncio's `getsockname`.
    ///
    /// # Errors
    ///
    /// None for internet sockets; a `Result`, since not every kind of socket has such an address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Starts the task that accepts on a socket.
type Begin = Box<dyn Fn(&Arc<Shared>, net::TcpListener, SocketAddr) -> Task<()> + Send>;

struct Shared {
    backlog: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What starts the tasks that accept; used up when serving begins.
    begin: Option<Begin>,
    /// Bound and not listening yet.
    bound: Vec<(Socket, SocketAddr)>,
    sockets: Vec<ServerSocket>,
    serving: bool,
    closed: bool,
    /// Whether somebody is in `serve_forever`.
    forever: bool,
    /// The tasks that accept.
    tasks: Vec<Task<()>>,
    /// How many of them have not ended.
    accepting: usize,
    /// How many connections have not been closed.
    connections: usize,
    /// Who waits for any of this to change.
    waiters: Waiters,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("Server")
            .field("sockets", &state.sockets)
            .field("serving", &(state.serving && !state.closed))
            .field("connections", &state.connections)
            .finish()
    }
}

impl Server {
    /// The sockets that it listens on; none once it is closed.
    pub fn sockets(&self) -> Vec<ServerSocket> {
        self.shared.state.lock().sockets.clone()
    }

    /// Whether it accepts connections; asyncio's `is_serving`.
    pub fn is_serving(&self) -> bool {
        let state = self.shared.state.lock();
        state.serving && !state.closed
    }

    /// How many connections it has that have not been closed.
    pub fn connections(&self) -> usize {
        self.shared.state.lock().connections
    }

    /// Begins to accept connections, if it has not; asyncio's `start_serving`.
    ///
    /// # Errors
    ///
    /// When the server is closed, when no event loop runs on this thread, and when the system refuses.
    pub fn start_serving(&self) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(closed());
        }
        if std::mem::replace(&mut state.serving, true) {
            return Ok(());
        }
        if Handle::current().is_none() {
            state.serving = false;
            return Err(io::Error::other("a server needs an event loop: start it inside heist::run"));
        }
        let bound = std::mem::take(&mut state.bound);
        state.accepting = bound.len();
        let begin = state.begin.take();
        drop(state);
        let Some(begin) = begin else { return Ok(()) };
        let mut tasks = Vec::new();
        let mut failed = None;
        for (socket, address) in bound {
            match listen(socket, self.shared.backlog) {
                Ok(listener) => {
                    // Inherited by the connections on most systems, so that they need no call of their own.
                    let _ = socket2::SockRef::from(&listener).set_tcp_nodelay(true);
                    tasks.push(begin(&self.shared, listener, address));
                }
                Err(error) => {
                    self.shared.change(|state| state.accepting -= 1);
                    failed.get_or_insert_with(|| cannot_listen(address, &error));
                }
            }
        }
        let mut state = self.shared.state.lock();
        let late = state.closed;
        state.tasks.extend(tasks);
        drop(state);
        if let Some(error) = failed {
            self.close();
            return Err(error);
        }
        if late {
            // Closed meanwhile, by somebody who did not see the tasks.
            self.shared.cancel_tasks();
        }
        Ok(())
    }

    /// Serves until the server is closed; asyncio's `serve_forever`.
    ///
    /// Dropping the future (a cancelled task does) closes the server.
    ///
    /// # Errors
    ///
    /// When the server is closed already, when somebody else is in `serve_forever`, and those of
    /// [`start_serving`](Self::start_serving).
    pub async fn serve_forever(&self) -> io::Result<()> {
        struct CloseOnDrop<'a>(&'a Server);
        impl Drop for CloseOnDrop<'_> {
            fn drop(&mut self) {
                self.0.shared.state.lock().forever = false;
                self.0.close();
            }
        }

        self.start_serving()?;
        if std::mem::replace(&mut self.shared.state.lock().forever, true) {
            return Err(io::Error::other("the server is in serve_forever already, in another task"));
        }
        let _close = CloseOnDrop(self);
        self.shared.wait(|state| state.closed).await;
        Ok(())
    }

    /// Stops listening; asyncio's `close`. Connections go on. Does not wait: [`wait_closed`](Self::wait_closed) does.
    pub fn close(&self) {
        let mut begin = None;
        self.shared.change(|state| {
            state.closed = true;
            state.bound.clear();
            state.sockets.clear();
            begin = state.begin.take();
        });
        // The handler may hold anything, so it goes after the lock.
        drop(begin);
        self.shared.cancel_tasks();
    }

    /// Waits until the server is closed, its sockets are given back and its connections have ended; asyncio's
    /// `wait_closed`. Cancel safe.
    pub async fn wait_closed(&self) {
        self.shared.wait(|state| state.closed && state.accepting == 0 && state.connections == 0).await;
    }
}

fn closed() -> io::Error {
    io::Error::other("the server is closed: start another one")
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        let woken = state.waiters.take();
        drop(state);
        woken.wake();
    }

    /// Ends the accepting tasks. Their sockets close as they are dropped.
    fn cancel_tasks(&self) {
        let tasks = std::mem::take(&mut self.state.lock().tasks);
        for task in tasks {
            task.cancel();
        }
    }

    async fn wait(&self, is_so: impl Fn(&State) -> bool) {
        struct Leave<'a>(&'a Shared, Option<u64>);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                if let Some(ticket) = self.1 {
                    let left = self.0.state.lock().waiters.leave(ticket);
                    drop(left);
                }
            }
        }

        let mut waiter = Leave(self, None);
        poll_fn(|cx| {
            let proceed = ready!(poll_proceed(cx));
            let mut state = self.state.lock();
            if is_so(&state) {
                drop(state);
                proceed.made_progress();
                return Poll::Ready(());
            }
            let replaced = state.waiters.wait(&mut waiter.1, cx);
            drop(state);
            drop(replaced);
            Poll::Pending
        })
        .await;
    }
}

/// Counts an accepting task until it ends.
struct Accepting(Arc<Shared>);

impl Accepting {
    /// The count itself was made by `start_serving`.
    fn new(shared: &Arc<Shared>) -> Self {
        Self(shared.clone())
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.change(|state| state.accepting -= 1);
    }
}

/// Counts a connection until its writer has given the socket back.
struct Connection(Arc<Shared>);

impl Connection {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.state.lock().connections += 1;
        Self(shared.clone())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.change(|state| state.connections -= 1);
    }
}

/// What to do after an error of `accept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// It was about one connection: on to the next.
    Skip,
    /// It will be there again at once: rest.
    Rest,
}

impl Trouble {
    fn of(error: &io::Error) -> Self {
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return Self::Skip;
        }
        // accept(2): errors of the new connection's network come out of `accept`, and should be treated as "try again".
        #[cfg(target_os = "linux")]
        if let Some(
            libc::EPROTO
            | libc::ENOPROTOOPT
            | libc::ENETDOWN
            | libc::ENETUNREACH
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::ENONET
            | libc::EOPNOTSUPP
            | libc::ETIMEDOUT,
        ) = error.raw_os_error()
        {
            return Self::Skip;
        }
        Self::Rest
    }
}

/// Accepts connections for ever, and starts a handler for each.
async fn accept_all<H, Fut>(
    listener: net::TcpListener,
    address: SocketAddr,
    handler: H,
    limit: usize,
    accepting: Accepting,
) where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Clone + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    // Dropped after the socket: a server whose `wait_closed` returns has given its port back.
    let accepting = accepting;
    let mut source = IoSource::new(listener);
    let mut rest = Duration::ZERO;
    loop {
        match poll_fn(|cx| source.poll_io(cx, Direction::Read, accept_now)).await {
            Ok((stream, peer)) => {
                rest = Duration::ZERO;
                if cfg!(not(target_os = "linux")) {
                    no_delay(&stream);
                }
                let ending = Box::new(Connection::new(&accepting.0));
                let (reader, writer) =
                    streams_over_socket(IoSource::new(stream), peer.into(), limit, Some(ending));
                serve(handler.clone(), reader, writer, peer);
            }
            Err(error) if Trouble::of(&error) == Trouble::Skip => {}
            Err(error) => {
                if Handle::current().is_none_or(|handle| handle.is_closed()) {
                    return;
                }
                if rest.is_zero() {
                    report(format_args!(
                        "cannot accept connections on {address} for now: {error}; they wait until it works again"
                    ));
                }
                rest = (rest * 2).clamp(FIRST_REST, LONGEST_REST);
                heist_timer::sleep(rest).await;
            }
        }
    }
}

/// Starts the task of one connection.
fn serve<H, Fut>(handler: H, reader: StreamReader, writer: StreamWriter, peer: SocketAddr)
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut + Send + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: Outcome,
{
    let task = heist_scheduler::spawn(async move {
        let outcome = handler(reader, writer).await;
        if let Some(failure) = outcome.failure() {
            report(format_args!("the handler of the connection from {peer} failed: {failure}"));
        }
    });
    // It runs on by itself.
    drop(task);
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn troubles_are_told_apart() {
        for (code, trouble) in [
            (libc::EMFILE, Trouble::Rest),
            (libc::ENFILE, Trouble::Rest),
            (libc::ENOBUFS, Trouble::Rest),
            (libc::ENOMEM, Trouble::Rest),
            (libc::ECONNABORTED, Trouble::Skip),
            (libc::EPROTO, Trouble::Skip),
        ] {
            assert_eq!(Trouble::of(&io::Error::from_raw_os_error(code)), trouble, "{code}");
        }
    }
}
