//! Streams, sockets, files and processes.

use super::Factory;

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
        heist::AsIo<'static, heist::StreamReader> => "Send Sync Unpin",
        heist::Family => "Send Sync Unpin",
        heist::StaggeredRace<u8, u8> => "Send Sync Unpin",
        heist::IncompleteReadError => "Send Sync Unpin",
        heist::LimitOverrunError => "Send Sync Unpin",
        heist::ReuniteError => "Send Sync Unpin",
        heist::StartServer<Factory> => "Send Sync Unpin",
        heist::ServerConnection => "Send Sync Unpin",
        heist::StreamAddr => "Send Sync Unpin",
        heist::TransportSocket => "Send Sync Unpin",
        heist::net::Direction => "Send Sync Unpin",
        heist::net::KeepAlive => "Send Sync Unpin",
        heist::net::Incoming<'static> => "Send Sync Unpin",
        heist::net::TcpSocket => "Send Sync Unpin",
        heist::net::UdpBuilder => "Send Sync Unpin",
    }
}

#[test]
fn files() {
    table! {
        heist::fs::DirEntry => "Send Sync Unpin",
        heist::fs::FileType => "Send Sync Unpin",
        heist::fs::Metadata => "Send Sync Unpin",
        heist::fs::OpenOptions => "Send Sync Unpin",
        heist::fs::PathError => "Send Sync Unpin",
        heist::fs::Permissions => "Send Sync Unpin",
        heist::fs::ReadDir => "Send Sync Unpin",
    }
}

#[test]
fn transports() {
    table! {
        heist::CreateConnection<Factory, ()> => "Send Sync Unpin",
        heist::CreateDatagramEndpoint<Factory> => "Send Sync Unpin",
        heist::DatagramTransport => "Send Sync Unpin",
        heist::ProtocolError => "Send Sync Unpin",
        heist::ProtocolHandle<u8> => "Send Sync Unpin",
        heist::Transport => "Send Sync Unpin",
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
        heist::WatchHandle => "Send Sync Unpin",
        heist::AddrInfo => "Send Sync Unpin",
        heist::GetAddrInfo => "Send Sync Unpin",
        heist::GetNameInfo => "Send Sync Unpin",
        heist::SocketKind => "Send Sync Unpin",
        heist::SendFile<'static> => "Send Unpin",
        heist::SockSendFile<'static> => "Send Sync Unpin",
        heist::SendfileNotAvailableError => "Send Sync Unpin",
        heist::StartSubprocess<Factory> => "Send Sync Unpin",
        heist::SubprocessTransport => "Send Sync Unpin",
        heist::ProcessLookupError => "Send Sync Unpin",
        heist::process::Stdio => "Send Sync Unpin",
        heist::pipe::ConnectReadPipe => "Send Sync Unpin",
        heist::pipe::Pty => "Send Sync Unpin",
        heist::net::Credentials => "Send Sync Unpin",
        heist::net::Duplicated<std::fs::File> => "Send Sync Unpin",
        heist::net::Interest => "Send Sync Unpin",
        heist::net::Ready => "Send Sync Unpin",
        heist::net::UnixIncoming<'static> => "Send Sync Unpin",
        heist::net::UnixReadHalf => "Send Sync Unpin",
        heist::net::UnixWriteHalf => "Send Sync Unpin",
        heist::signal::SignalError => "Send Sync Unpin",
        heist::signal::SignalHandler => "Send Sync Unpin",
    }
}
