//! The name service of the C library: `getaddrinfo` and `getnameinfo`. Both block; callers use a thread that may.
//!
//! It is here because it needs unsafe code, which the crates above do without.

use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ptr::{NonNull, null};

/// Which addresses are asked for; 0 is any.
///
/// ```
/// use heist_reactor::{NameHints, look_up_name};
///
/// # const SOCK_STREAM: i32 = libc::SOCK_STREAM;
/// let hints = NameHints { kind: SOCK_STREAM, ..NameHints::default() };
/// let found = look_up_name(Some(c"127.0.0.1"), None, hints)?;
/// assert_eq!(found.len(), 1, "for streams alone");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NameHints {
    /// `AF_INET`, `AF_INET6`.
    pub family: i32,
    /// `SOCK_STREAM`, `SOCK_DGRAM`.
    pub kind: i32,
    /// `IPPROTO_TCP`, `IPPROTO_UDP`.
    pub protocol: i32,
    /// `AI_...`.
    pub flags: i32,
}

/// One answer of [`look_up_name`].
///
/// ```
/// use heist_reactor::{NameHints, look_up_name};
///
/// let found = look_up_name(Some(c"127.0.0.1"), Some(c"80"), NameHints::default())?;
/// assert_eq!(found[0].address.port(), 80);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FoundAddress {
    /// `SOCK_STREAM`, `SOCK_DGRAM`, `SOCK_RAW`.
    pub kind: i32,
    /// `IPPROTO_TCP`, `IPPROTO_UDP`.
    pub protocol: i32,
    /// The host's proper name, where it was asked for.
    pub canonical_name: Option<String>,
    /// The address.
    pub address: SocketAddr,
}

/// The addresses of a host and a service.
///
/// ```
/// use heist_reactor::{NameHints, look_up_name};
///
/// let found = look_up_name(Some(c"127.0.0.1"), Some(c"80"), NameHints::default())?;
/// assert_eq!(found[0].address.to_string(), "127.0.0.1:80");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// [`NotFound`](io::ErrorKind::NotFound) where there is none; the service's, with its words.
pub fn look_up_name(
    host: Option<&CStr>,
    service: Option<&CStr>,
    hints: NameHints,
) -> io::Result<Vec<FoundAddress>> {
    // SAFETY: of a structure of numbers and pointers, all zeros are a value: nothing is asked for.
    let mut asked: libc::addrinfo = unsafe { std::mem::zeroed() };
    asked.ai_family = hints.family;
    asked.ai_socktype = hints.kind;
    asked.ai_protocol = hints.protocol;
    asked.ai_flags = hints.flags;
    let mut found = std::ptr::null_mut();
    // SAFETY: the names are null or end with a zero byte, `asked` has null where the call wants it, `found` is a place for
    // the answer; all outlive the call.
    let code = unsafe {
        libc::getaddrinfo(
            host.map_or(null(), CStr::as_ptr),
            service.map_or(null(), CStr::as_ptr),
            &asked,
            &mut found,
        )
    };
    check(code)?;
    let answers = Answers(found);
    let mut all = Vec::new();
    let mut next = NonNull::new(answers.0);
    while let Some(entry) = next {
        // SAFETY: the list came from `getaddrinfo` and lives until `answers` is dropped.
        let entry = unsafe { entry.as_ref() };
        all.extend(read_answer(entry));
        next = NonNull::new(entry.ai_next);
    }
    Ok(all)
}

/// The list that `getaddrinfo` gave.
struct Answers(*mut libc::addrinfo);

impl Drop for Answers {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: it came from `getaddrinfo` and is given back once.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

/// `None` for a family that is none of the internet's.
fn read_answer(entry: &libc::addrinfo) -> Option<FoundAddress> {
    let address = match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: the family says that this is an IPv4 address; it lives as long as its entry.
            let found = unsafe { entry.ai_addr.cast::<libc::sockaddr_in>().as_ref() }?;
            let ip = Ipv4Addr::from(found.sin_addr.s_addr.to_ne_bytes());
            SocketAddr::from((ip, u16::from_be(found.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that this is an IPv6 address; it lives as long as its entry.
            let found = unsafe { entry.ai_addr.cast::<libc::sockaddr_in6>().as_ref() }?;
            let ip = Ipv6Addr::from(found.sin6_addr.s6_addr);
            let port = u16::from_be(found.sin6_port);
            SocketAddrV6::new(ip, port, found.sin6_flowinfo, found.sin6_scope_id).into()
        }
        _ => return None,
    };
    let canonical_name = NonNull::new(entry.ai_canonname).map(|name| {
        // SAFETY: the call fills it with a text that ends with a zero byte and lives as long as its entry.
        unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned()
    });
    Some(FoundAddress { kind: entry.ai_socktype, protocol: entry.ai_protocol, canonical_name, address })
}

/// The host and the service at an address. `flags` are `NI_...`.
///
/// ```
/// # let numeric = libc::NI_NUMERICHOST | libc::NI_NUMERICSERV;
/// let names = heist_reactor::look_up_address("127.0.0.1:80".parse().unwrap(), numeric)?;
/// assert_eq!(names, ("127.0.0.1".to_owned(), "80".to_owned()));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// [`NotFound`](io::ErrorKind::NotFound) where a name is demanded and there is none; the service's, with its words.
pub fn look_up_address(address: SocketAddr, flags: i32) -> io::Result<(String, String)> {
    /// NI_MAXHOST and NI_MAXSERV, with room to spare.
    const HOST: usize = 1025;
    const SERVICE: usize = 64;
    let mut host = [0 as c_char; HOST];
    let mut service = [0 as c_char; SERVICE];
    let code = with_system_form(address, |system, length| {
        // SAFETY: `system` points to an address of that length; the buffers have the lengths that are given; all outlive
        // the call.
        unsafe {
            libc::getnameinfo(
                system,
                length,
                host.as_mut_ptr(),
                HOST as libc::socklen_t,
                service.as_mut_ptr(),
                SERVICE as libc::socklen_t,
                flags,
            )
        }
    });
    check(code)?;
    Ok((text(&host), text(&service)))
}

/// What stands before the zero byte.
fn text(buffer: &[c_char]) -> String {
    let bytes: Vec<u8> = buffer.iter().map(|&byte| byte as u8).take_while(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn with_system_form<R>(
    address: SocketAddr,
    f: impl FnOnce(*const libc::sockaddr, libc::socklen_t) -> R,
) -> R {
    match address.ip() {
        IpAddr::V4(ip) => {
            // SAFETY: of a structure of numbers, all zeros are a value.
            let mut system: libc::sockaddr_in = unsafe { std::mem::zeroed() };
            system.sin_family = libc::AF_INET as libc::sa_family_t;
            system.sin_port = address.port().to_be();
            system.sin_addr.s_addr = u32::from_ne_bytes(ip.octets());
            f((&raw const system).cast(), size_of_val(&system) as libc::socklen_t)
        }
        IpAddr::V6(ip) => {
            // SAFETY: of a structure of numbers, all zeros are a value.
            let mut system: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
            system.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            system.sin6_port = address.port().to_be();
            system.sin6_addr.s6_addr = ip.octets();
            if let SocketAddr::V6(address) = address {
                system.sin6_flowinfo = address.flowinfo();
                system.sin6_scope_id = address.scope_id();
            }
            f((&raw const system).cast(), size_of_val(&system) as libc::socklen_t)
        }
    }
}

/// What a code of the name service means.
fn check(code: c_int) -> io::Result<()> {
    let kind = match code {
        0 => return Ok(()),
        libc::EAI_SYSTEM => return Err(io::Error::last_os_error()),
        libc::EAI_NONAME => io::ErrorKind::NotFound,
        #[cfg(target_os = "linux")]
        libc::EAI_NODATA => io::ErrorKind::NotFound,
        libc::EAI_MEMORY => io::ErrorKind::OutOfMemory,
        libc::EAI_AGAIN => io::ErrorKind::TimedOut,
        libc::EAI_BADFLAGS | libc::EAI_FAMILY | libc::EAI_SERVICE | libc::EAI_SOCKTYPE => {
            io::ErrorKind::InvalidInput
        }
        _ => io::ErrorKind::Other,
    };
    // SAFETY: any number may be given.
    let words = unsafe { libc::gai_strerror(code) };
    // SAFETY: it is a text that ends with a zero byte and is never freed.
    let words = unsafe { CStr::from_ptr(words) };
    Err(io::Error::new(kind, words.to_string_lossy().into_owned()))
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_there_and_back() {
        for (host, address) in [(c"127.0.0.1", "127.0.0.1:80"), (c"::1", "[::1]:80")] {
            let hints =
                NameHints { kind: libc::SOCK_STREAM, flags: libc::AI_NUMERICHOST, ..NameHints::default() };
            let found = look_up_name(Some(host), Some(c"80"), hints).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].address, address.parse().unwrap());
            assert_eq!((found[0].kind, found[0].protocol), (libc::SOCK_STREAM, libc::IPPROTO_TCP));
            let numbers = libc::NI_NUMERICHOST | libc::NI_NUMERICSERV;
            let (back, port) = look_up_address(found[0].address, numbers).unwrap();
            assert_eq!((back.as_str(), port.as_str()), (host.to_str().unwrap(), "80"));
        }
    }

    #[test]
    fn refusals_are_in_words() {
        let hints = NameHints { flags: libc::AI_NUMERICHOST, ..NameHints::default() };
        let error = look_up_name(Some(c"no number"), None, hints).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().is_empty());
        let error = look_up_name(Some(c"::1"), None, NameHints { family: 12345, ..hints }).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
    }
}
