//! [`Server`]: what a program does with a server.

use std::fmt;
use std::io;
use std::sync::Arc;

use heist_core::CancelledError;
use heist_core::scope::Scope;
use heist_scheduler::Handle;

use super::ServerSocket;
use super::bind::cannot_listen;
use super::state::{Begin, Phase, Shared, State};
use crate::writer::WeakWriter;

/// A server; asyncio's `Server`. Clones are the same server.
///
/// Dropping it leaves it serving, until the event loop is closed; in debug mode there is a warning then. [`close`](Self::close) ends the listening,
/// [`shutdown`](Self::shutdown) ends all of it, and [`scope`](Self::scope) does what asyncio's `async with server` does.
///
/// ```
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use heist_streams::{StreamReader, StreamWriter, start_server};
/// # async fn echo(_: StreamReader, _: StreamWriter) {}
/// let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
/// println!("listening on {}", server.sockets()[0].local_addr()?);
/// server.close();
/// server.wait_closed().await;
/// assert!(server.sockets().is_empty());
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Clone)]
pub struct Server {
    pub(super) shared: Arc<Shared>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        let names: Vec<_> = state.listeners.iter().map(|listener| listener.address().to_string()).collect();
        f.debug_struct("Server")
            .field("sockets", &names)
            .field("phase", &state.phase)
            .field("connections", &state.open)
            .finish()
    }
}

/// Closes a server when it is dropped.
struct CloseOnDrop<'a> {
    server: &'a Server,
    /// Whether this is `serve_forever`, of which there is one at a time.
    forever: bool,
}

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        if self.forever {
            self.server.shared.state.lock().forever = false;
        }
        self.server.close();
    }
}

impl Server {
    /// The sockets that it listens on; none once it is closed.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// let address = server.sockets()[0].local_addr()?;
    /// assert_ne!(address.port(), 0, "the system has chosen a port");
    /// server.close();
    /// assert!(server.sockets().is_empty());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn sockets(&self) -> Vec<ServerSocket> {
        let state = self.shared.state.lock();
        state.listeners.iter().map(|listener| ServerSocket { listener: listener.clone() }).collect()
    }

    /// Whether it accepts connections; asyncio's `is_serving`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// assert!(!server.is_serving(), "it was made with start_serving(false)");
    /// server.start_serving()?;
    /// assert!(server.is_serving());
    /// server.close();
    /// assert!(!server.is_serving());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn is_serving(&self) -> bool {
        self.shared.state.lock().phase == Phase::Serving
    }

    /// How many connections it has that have not been closed.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// assert_eq!(server.connections(), 0);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn connections(&self) -> usize {
        self.shared.state.lock().open
    }

    /// The loop that it serves on; asyncio's `get_loop`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// # use heist_scheduler::Handle;
    /// let handle = Handle::current().unwrap();
    /// assert!(server.get_loop().same_loop(&handle));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn get_loop(&self) -> Handle {
        self.shared.handle.clone()
    }

    /// Begins to accept connections, if it has not; asyncio's `start_serving`. May be called by any thread.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// server.start_serving()?;
    /// assert!(server.is_serving());
    /// server.close();
    /// assert!(server.start_serving().is_err(), "there is no way back");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// When the server or its loop is closed, and when the system refuses; then the server is closed.
    pub fn start_serving(&self) -> io::Result<()> {
        let (begin, listeners) = {
            let mut state = self.shared.state.lock();
            match state.phase {
                Phase::Closed => return Err(io::Error::other("the server is closed: start another one")),
                Phase::Serving => return Ok(()),
                Phase::Bound => state.phase = Phase::Serving,
            }
            (state.begin.take(), state.listeners.clone())
        };
        for listener in &listeners {
            if let Err(error) = listener.listen(self.shared.backlog) {
                self.close();
                return Err(cannot_listen(listener.address(), error));
            }
        }
        if self.shared.handle.is_closed() {
            self.close();
            return Err(io::Error::other("the event loop of the server is closed: start it on another one"));
        }
        if let Some(begin) = begin {
            self.begin_accepting(&begin, listeners);
        }
        Ok(())
    }

    fn begin_accepting(&self, begin: &Begin, listeners: Vec<Arc<super::listener::Listener>>) {
        self.shared.state.lock().accepting = listeners.len();
        let tasks: Vec<_> = listeners.into_iter().map(|listener| begin(&self.shared, listener)).collect();
        let mut state = self.shared.state.lock();
        state.tasks.extend(tasks);
        let late = state.is_closed();
        drop(state);
        if late {
            // Closed meanwhile, by somebody who did not see the tasks.
            self.shared.cancel_accepting();
        }
    }

    /// Serves until the server is closed, and its connections have ended; asyncio's `serve_forever`.
    ///
    /// A cancellation closes the server, waits for its connections, and goes on; Ctrl-C is one, where `main` awaits this. They
    /// may take as long as they like: a program that wants a limit waits for `heist::ctrl_c` instead, and then calls
    /// [`shutdown`](Self::shutdown). Dropping the future closes the server and does not wait.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// server.close();
    /// assert!(server.serve_forever().await.is_err(), "it would serve nobody");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// When the server is closed already, when somebody else is in `serve_forever`, and those of
    /// [`start_serving`](Self::start_serving).
    pub async fn serve_forever(&self) -> io::Result<()> {
        self.start_serving()?;
        if std::mem::replace(&mut self.shared.state.lock().forever, true) {
            return Err(io::Error::other(
                "the server is in serve_forever already, in another task: await wait_closed here",
            ));
        }
        let close = CloseOnDrop { server: self, forever: true };
        let served = Scope::new(self.shared.wait(State::is_closed)).await;
        self.finish(close, served).await;
        Ok(())
    }

    /// Runs `body` with the server, then closes it and waits for its connections, also when `body` is cancelled, and gives
    /// what `body` gave; asyncio's `async with server`.
    ///
    /// ```no_run
    /// # async fn example(server: heist_streams::Server) -> std::io::Result<()> {
    /// server.scope(async |server| server.serve_forever().await).await
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops `body` and closes the server, without waiting.
    pub async fn scope<T>(&self, body: impl AsyncFnOnce(&Self) -> T) -> T {
        let close = CloseOnDrop { server: self, forever: false };
        let outcome = Scope::new(body(self)).await;
        self.finish(close, outcome).await
    }

    /// Closes the server and waits for its connections; then goes on with a cancellation, if there was one.
    async fn finish<T>(&self, close: CloseOnDrop<'_>, outcome: Result<T, CancelledError>) -> T {
        self.close();
        self.wait_closed().await;
        drop(close);
        match outcome {
            Ok(value) => value,
            Err(cancelled) => cancelled.resume().await,
        }
    }

    /// Stops listening; asyncio's `close`. From here on connects are refused. Connections go on. Does not wait:
    /// [`wait_closed`](Self::wait_closed) does.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// let address = server.sockets()[0].local_addr()?;
    /// server.start_serving()?;
    /// server.close();
    /// server.wait_closed().await;
    /// assert!(std::net::TcpStream::connect(address).is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn close(&self) {
        self.shared.close();
    }

    /// Closes all connections, each after what its handler wrote has been sent; asyncio's `close_clients`. Their readers
    /// find the end of the stream.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// server.close();
    /// server.close_clients();
    /// server.wait_closed().await;
    /// assert_eq!(server.connections(), 0);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn close_clients(&self) {
        self.writers().iter().for_each(WeakWriter::close);
    }

    /// Closes all connections at once, and throws away what has not been sent; asyncio's `abort_clients`.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// server.close();
    /// server.abort_clients();
    /// server.wait_closed().await;
    /// assert_eq!(server.connections(), 0);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn abort_clients(&self) {
        self.writers().iter().for_each(WeakWriter::abort);
    }

    fn writers(&self) -> Vec<WeakWriter> {
        let state = self.shared.state.lock();
        state.connections.iter().map(|(entry, _)| entry.writer.clone()).collect()
    }

    /// Waits until the server is closed, its sockets are given back and its connections have ended; asyncio's
    /// `wait_closed`. Cancel safe.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::{StreamReader, StreamWriter, start_server};
    /// # async fn echo(_: StreamReader, _: StreamWriter) {}
    /// # let server = start_server(echo, "127.0.0.1:0").start_serving(false).await?;
    /// let handle = server.clone();
    /// # use heist_scheduler::spawn as create_task;
    /// let closing = create_task(async move { handle.close() });
    /// server.wait_closed().await;
    /// assert!(!server.is_serving() && server.sockets().is_empty());
    /// # closing.await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub async fn wait_closed(&self) {
        self.shared.wait(State::is_over).await;
    }
}
