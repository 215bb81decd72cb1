//! Watching descriptors with callbacks: [`add_reader`], [`add_writer`] and what ends them.
//!
//! For code that brings its own descriptors and callbacks; code that awaits uses [`AsyncFd`](crate::net::AsyncFd). The
//! callbacks themselves, and how they are kept apart, are the reactor's (`crates/reactor/src/watch.rs`).

use std::io;
use std::os::fd::AsFd;
use std::panic::Location;
use std::sync::Arc;

use heist_reactor::{Direction, Reactor, WatchHandle};
use heist_scheduler::Handle;

use crate::event_loop::EventLoop;

/// Has the running loop call `callback` again and again while there is something to read from `descriptor`, or its end
/// has come, until [`remove_reader`]; asyncio's `loop.add_reader`.
///
/// It is called among the loop's other callbacks ([`Handle::call_soon`]), in a copy of the current context variables, and
/// must take what is there, or be removed: while something is left it is called in every pass. A callback that watched
/// the same descriptor is replaced. A panic goes to the exception handler, and the callback stays.
///
/// The loop keeps a duplicate of the descriptor: what it stands for stays open until the callback is removed.
///
/// ```
/// # #[cfg(unix)] {
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// heist::run(async {
///     let (mut near, mut far) = UnixStream::pair()?;
///     let future = heist::create_future();
///     let result = future.clone();
///     let mut reading = near.try_clone()?;
///     heist::add_reader(&near, move || {
///         let mut buf = [0; 5];
///         reading.read_exact(&mut buf).unwrap();
///         let _ = result.set_result(buf);
///     })?;
///     far.write_all(b"hello")?;
///     assert_eq!(&future.await.unwrap(), b"hello");
///     assert!(heist::remove_reader(&near));
///     std::io::Result::Ok(())
/// })?;
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Outside of a loop and on a closed one; where the descriptor belongs to a socket of this loop that has waited for it
/// (on Linux); the system's, for one for regular files, which are always ready.
#[track_caller]
pub fn add_reader(descriptor: impl AsFd, callback: impl FnMut() + Send + 'static) -> io::Result<WatchHandle> {
    watch(&running()?, &descriptor, Direction::Read, Box::new(callback), Location::caller())
}

/// As [`add_reader`], while there is room to write; asyncio's `loop.add_writer`.
///
/// ```
/// use std::os::unix::net::UnixStream;
///
/// heist::run(async {
///     let (one, _other) = UnixStream::pair()?;
///     let writable = heist::create_future::<()>();
///     let setter = writable.clone();
///     // Called again and again while there is room: the first time is enough.
///     heist::add_writer(&one, move || _ = setter.set_result(()))?;
///     writable.await.expect("nobody cancels it");
///     assert!(heist::remove_writer(&one));
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// As [`add_reader`].
#[track_caller]
pub fn add_writer(descriptor: impl AsFd, callback: impl FnMut() + Send + 'static) -> io::Result<WatchHandle> {
    watch(&running()?, &descriptor, Direction::Write, Box::new(callback), Location::caller())
}

/// Ends what [`add_reader`] began on the running loop, and says whether there was such a callback; asyncio's
/// `loop.remove_reader`. It may be called in the callback itself. Outside of a loop it is `false`.
///
/// ```
/// use std::os::unix::net::UnixStream;
///
/// heist::run(async {
///     let (one, _other) = UnixStream::pair()?;
///     heist::add_reader(&one, || println!("readable"))?;
///     assert!(heist::remove_reader(&one));
///     assert!(!heist::remove_reader(&one));
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn remove_reader(descriptor: impl AsFd) -> bool {
    running().is_ok_and(|handle| unwatch(&handle, &descriptor, Direction::Read))
}

/// As [`remove_reader`], for [`add_writer`]; asyncio's `loop.remove_writer`.
pub fn remove_writer(descriptor: impl AsFd) -> bool {
    running().is_ok_and(|handle| unwatch(&handle, &descriptor, Direction::Write))
}

/// Watching descriptors by a loop's [`Handle`], from any thread; asyncio's methods of the loop.
pub trait WatchDescriptors {
    /// As [`add_reader`], on this loop.
    ///
    /// # Errors
    ///
    /// As [`add_reader`].
    #[track_caller]
    fn add_reader(
        &self,
        descriptor: impl AsFd,
        callback: impl FnMut() + Send + 'static,
    ) -> io::Result<WatchHandle>;

    /// As [`add_writer`], on this loop.
    ///
    /// # Errors
    ///
    /// As [`add_reader`].
    #[track_caller]
    fn add_writer(
        &self,
        descriptor: impl AsFd,
        callback: impl FnMut() + Send + 'static,
    ) -> io::Result<WatchHandle>;

    /// As [`remove_reader`], on this loop; `false` on a closed one.
    fn remove_reader(&self, descriptor: impl AsFd) -> bool;

    /// As [`remove_writer`], on this loop; `false` on a closed one.
    fn remove_writer(&self, descriptor: impl AsFd) -> bool;
}

/// The methods of a loop, for a type with `fn handle(&self) -> Handle`.
macro_rules! watch_descriptors {
    ($type:ty, |$this:ident| $handle:expr) => {
        impl WatchDescriptors for $type {
            #[track_caller]
            fn add_reader(
                &self,
                descriptor: impl AsFd,
                callback: impl FnMut() + Send + 'static,
            ) -> io::Result<WatchHandle> {
                let $this = self;
                watch($handle, &descriptor, Direction::Read, Box::new(callback), Location::caller())
            }

            #[track_caller]
            fn add_writer(
                &self,
                descriptor: impl AsFd,
                callback: impl FnMut() + Send + 'static,
            ) -> io::Result<WatchHandle> {
                let $this = self;
                watch($handle, &descriptor, Direction::Write, Box::new(callback), Location::caller())
            }

            fn remove_reader(&self, descriptor: impl AsFd) -> bool {
                let $this = self;
                unwatch($handle, &descriptor, Direction::Read)
            }

            fn remove_writer(&self, descriptor: impl AsFd) -> bool {
                let $this = self;
                unwatch($handle, &descriptor, Direction::Write)
            }
        }
    };
}
watch_descriptors!(Handle, |this| this);
watch_descriptors!(EventLoop, |this| &this.handle());

fn running() -> io::Result<Handle> {
    Handle::current().ok_or_else(|| {
        io::Error::other(
            "no event loop runs on this thread: watch descriptors inside heist::run, or by a loop's Handle",
        )
    })
}

fn reactor(handle: &Handle) -> Option<Arc<Reactor>> {
    handle.io()?.downcast().ok()
}

fn watch(
    handle: &Handle,
    descriptor: &impl AsFd,
    direction: Direction,
    callback: Box<dyn FnMut() + Send>,
    location: &'static Location<'static>,
) -> io::Result<WatchHandle> {
    let reactor = reactor(handle).ok_or_else(|| io::Error::other("this event loop was made without I/O"))?;
    reactor.watch(Arc::new(handle.clone()), descriptor.as_fd(), direction, callback, location)
}

fn unwatch(handle: &Handle, descriptor: &impl AsFd, direction: Direction) -> bool {
    reactor(handle).is_some_and(|reactor| reactor.unwatch(descriptor.as_fd(), direction))
}
