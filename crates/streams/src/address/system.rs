//! The system's form of an address.

use socket2::SockAddr;

use crate::StreamAddr;

/// The name that an address of the system's stands for.
pub(crate) fn name_of(address: &SockAddr) -> StreamAddr {
    #[cfg(unix)]
    if address.is_unix() {
        return unix_name(address).map_or(StreamAddr::Unnamed, StreamAddr::from);
    }
    address.as_socket().into()
}

#[cfg(unix)]
fn unix_name(address: &SockAddr) -> Option<std::os::unix::net::SocketAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_namespace() {
        #[cfg(target_os = "android")]
        use std::os::android::net::SocketAddrExt;
        #[cfg(target_os = "linux")]
        use std::os::linux::net::SocketAddrExt;

        return std::os::unix::net::SocketAddr::from_abstract_name(name).ok();
    }
    address.as_unix()
}
