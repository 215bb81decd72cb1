//! Socket options, written down once for every socket that has them.

use std::time::Duration;

use socket2::TcpKeepalive;

/// How a TCP connection finds out that its peer is gone while nothing is sent; what is not set is the system's.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use std::time::Duration;
/// use heist::net::{KeepAlive, TcpStream};
///
/// let stream = TcpStream::connect("127.0.0.1:8888").await?;
/// stream.set_keepalive(Some(KeepAlive::new().time(Duration::from_secs(30)).retries(3)))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeepAlive {
    time: Option<Duration>,
    interval: Option<Duration>,
    retries: Option<u32>,
}

impl KeepAlive {
    /// The system's settings.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::{KeepAlive, TcpSocket};
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_keepalive(Some(KeepAlive::new()))?;
    /// assert!(socket.keepalive()?);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// How long nothing may come before the peer is asked; whole seconds.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::time::Duration;
    /// use heist::net::{KeepAlive, TcpSocket};
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_keepalive(Some(KeepAlive::new().time(Duration::from_secs(30))))?;
    /// # #[cfg(target_os = "linux")]
    /// assert_eq!(socket2::SockRef::from(&socket).tcp_keepalive_time()?, Duration::from_secs(30));
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// How long to wait for an answer before the peer is asked again; whole seconds.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use std::time::Duration;
    /// use heist::net::{KeepAlive, TcpSocket};
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_keepalive(Some(KeepAlive::new().interval(Duration::from_secs(5))))?;
    /// # #[cfg(target_os = "linux")]
    /// assert_eq!(socket2::SockRef::from(&socket).tcp_keepalive_interval()?, Duration::from_secs(5));
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// How often the peer is asked before the connection is given up.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::net::{KeepAlive, TcpSocket};
    ///
    /// let socket = TcpSocket::new_v4()?;
    /// socket.set_keepalive(Some(KeepAlive::new().retries(3)))?;
    /// # #[cfg(target_os = "linux")]
    /// assert_eq!(socket2::SockRef::from(&socket).tcp_keepalive_retries()?, 3);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }

    pub(crate) fn to_system(self) -> TcpKeepalive {
        let mut system = TcpKeepalive::new();
        if let Some(time) = self.time {
            system = system.with_time(time);
        }
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "freebsd"))]
        {
            if let Some(interval) = self.interval {
                system = system.with_interval(interval);
            }
            if let Some(retries) = self.retries {
                system = system.with_retries(retries);
            }
        }
        system
    }
}

/// Gives a socket pairs of methods that read and set an option. `$place` is the field that lends the system's socket.
/// `$example` are the lines of an example of both.
macro_rules! socket_options {
    ($socket:ident, |$this:ident| $place:expr; $(
        $(#[$meta:meta])*
        $get:ident, $set:ident: $type:ty = $system_get:ident, $system_set:ident, $example:literal;
    )*) => {
        impl $socket {$(
            $(#[$meta])*
            ///
            /// ```
            #[doc = $example]
            /// # std::io::Result::Ok(())
            /// ```
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn $get(&self) -> io::Result<$type> {
                let $this = self;
                SockRef::from($place).$system_get()
            }

            #[doc = concat!("Sets what [`", stringify!($get), "`](Self::", stringify!($get), ") tells.")]
            ///
            /// ```
            #[doc = $example]
            /// # std::io::Result::Ok(())
            /// ```
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn $set(&self, value: $type) -> io::Result<()> {
                let $this = self;
                SockRef::from($place).$system_set(value)
            }
        )*}
    };
}

/// The options that all kinds of sockets have.
macro_rules! buffer_options {
    ($socket:ident, |$this:ident| $place:expr) => {
        socket_options! { $socket, |$this| $place;
            /// How many bytes the system keeps for the reader; it may give more than was asked for.
            recv_buffer_size, set_recv_buffer_size: usize = recv_buffer_size, set_recv_buffer_size,
                "# use heist_streams as heist;\nuse heist::net::TcpSocket;\n\nlet socket = TcpSocket::new_v4()?;\nsocket.set_recv_buffer_size(64 << 10)?;\nassert!(socket.recv_buffer_size()? >= 64 << 10);";
            /// How many bytes the system keeps that are on their way; it may give more than was asked for.
            send_buffer_size, set_send_buffer_size: usize = send_buffer_size, set_send_buffer_size,
                "# use heist_streams as heist;\nuse heist::net::TcpSocket;\n\nlet socket = TcpSocket::new_v4()?;\nsocket.set_send_buffer_size(64 << 10)?;\nassert!(socket.send_buffer_size()? >= 64 << 10);";
        }
    };
}

/// The options of TCP connections, made or to be made.
macro_rules! tcp_options {
    ($socket:ident, |$this:ident| $place:expr) => {
        buffer_options!($socket, |$this| $place);
        socket_options! { $socket, |$this| $place;
            /// Whether small writes are sent at once instead of being gathered (Nagle's algorithm off).
            nodelay, set_nodelay: bool = tcp_nodelay, set_tcp_nodelay,
                "# use heist_streams as heist;\nuse heist::net::TcpSocket;\n\nlet socket = TcpSocket::new_v4()?;\nassert!(!socket.nodelay()?);\nsocket.set_nodelay(true)?;\nassert!(socket.nodelay()?);";
            /// What closing does with bytes not sent yet: `None` sends them in the background; zero throws them away
            /// and resets the connection.
            linger, set_linger: Option<Duration> = linger, set_linger,
                "# use heist_streams as heist;\nuse std::time::Duration;\nuse heist::net::TcpSocket;\n\nlet socket = TcpSocket::new_v4()?;\nassert_eq!(socket.linger()?, None);\nsocket.set_linger(Some(Duration::ZERO))?;\nassert_eq!(socket.linger()?, Some(Duration::ZERO));";
        }

        impl $socket {
            /// Whether the peer is asked from time to time whether it is still there.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// use heist::net::TcpSocket;
            ///
            /// let socket = TcpSocket::new_v4()?;
            /// assert!(!socket.keepalive()?);
            /// # std::io::Result::Ok(())
            /// ```
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn keepalive(&self) -> io::Result<bool> {
                let $this = self;
                SockRef::from($place).keepalive()
            }

            /// Has the peer asked from time to time whether it is still there; `None` ends that.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// use heist::net::{KeepAlive, TcpSocket};
            ///
            /// let socket = TcpSocket::new_v4()?;
            /// socket.set_keepalive(Some(KeepAlive::new()))?;
            /// assert!(socket.keepalive()?);
            /// socket.set_keepalive(None)?;
            /// assert!(!socket.keepalive()?);
            /// # std::io::Result::Ok(())
            /// ```
            ///
            /// # Errors
            ///
            /// The system's, for one where a time is out of its range.
            pub fn set_keepalive(&self, keepalive: Option<KeepAlive>) -> io::Result<()> {
                let $this = self;
                match keepalive {
                    Some(keepalive) => SockRef::from($place).set_tcp_keepalive(&keepalive.to_system()),
                    None => SockRef::from($place).set_keepalive(false),
                }
            }

            /// How long sent bytes may stay unanswered before the connection is given up; `None` is the system's limit.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// use heist::net::TcpSocket;
            ///
            /// let socket = TcpSocket::new_v4()?;
            /// assert_eq!(socket.user_timeout()?, None);
            /// # std::io::Result::Ok(())
            /// ```
            ///
            /// # Errors
            ///
            /// The system's.
            #[cfg(target_os = "linux")]
            pub fn user_timeout(&self) -> io::Result<Option<Duration>> {
                let $this = self;
                SockRef::from($place).tcp_user_timeout()
            }

            /// Sets what [`user_timeout`](Self::user_timeout) tells.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// use std::time::Duration;
            /// use heist::net::TcpSocket;
            ///
            /// let socket = TcpSocket::new_v4()?;
            /// socket.set_user_timeout(Some(Duration::from_secs(5)))?;
            /// assert_eq!(socket.user_timeout()?, Some(Duration::from_secs(5)));
            /// # std::io::Result::Ok(())
            /// ```
            ///
            /// # Errors
            ///
            /// The system's.
            #[cfg(target_os = "linux")]
            pub fn set_user_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
                let $this = self;
                SockRef::from($place).set_tcp_user_timeout(limit)
            }
        }
    };
}

/// How many hops an internet packet may take, and its type of service.
macro_rules! ttl_options {
    ($socket:ident) => {
        impl $socket {
            /// How many hops a packet may take.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            /// use heist::net::UdpSocket;
            ///
            /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
            /// assert!(socket.ttl()? > 0);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn ttl(&self) -> io::Result<u32> {
                self.source.get_ref().ttl()
            }

            /// Sets how many hops a packet may take.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            /// use heist::net::UdpSocket;
            ///
            /// let socket = UdpSocket::bind("127.0.0.1:0").await?;
            /// socket.set_ttl(3)?;
            /// assert_eq!(socket.ttl()?, 3);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
                self.source.get_ref().set_ttl(hops)
            }
        }
    };
}

pub(super) use ttl_options;
pub(crate) use {buffer_options, socket_options, tcp_options};
