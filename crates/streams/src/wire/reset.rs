//! Resetting a connection whose socket cannot be closed yet, because its reader still has it.

use std::time::Duration;

use rustix::io::ioctl_fionread;
use rustix::net::connect_unspec;
use socket2::SockRef;

use super::StreamSocket;

/// Resets the connection, if closing its only descriptor would do that now: bytes have come that nobody has read, or the
/// user has asked for it (`SO_LINGER` of no length). Its reader then finds the end, or the reset; what it had not read is
/// lost. Otherwise, and where the connection is not of TCP, nothing happens.
pub(super) fn reset_as_close_would(socket: &StreamSocket) {
    let lingers = || SockRef::from(socket).linger().ok().flatten();
    let resets = ioctl_fionread(socket).is_ok_and(|unread| unread > 0) || lingers() == Some(Duration::ZERO);
    // Dissolving the association is the one way to send a reset without giving the descriptor back.
    if resets && connect_unspec(socket).is_ok() {
        // The error is of our own making: the reader need not hear of it.
        let _ = socket.take_error();
    }
}
