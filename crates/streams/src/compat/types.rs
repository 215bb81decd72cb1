//! Which of our types read and write: the lists that each crate's traits are implemented for.

/// Calls `$implement!` with the types that read through a buffer.
macro_rules! for_buffered {
    ($implement:ident) => {
        $implement!(crate::StreamReader, crate::StreamPair, crate::AsIo<'_, crate::StreamReader>);
    };
}

/// Calls `$implement!` with the types that read without one.
macro_rules! for_unbuffered {
    ($implement:ident) => {
        $implement!(crate::fs::File, crate::net::TcpStream, crate::net::ReadHalf);
        #[cfg(unix)]
        $implement!(crate::net::UnixStream, crate::net::UnixReadHalf);
    };
}

/// Calls `$implement!` with the types that write.
macro_rules! for_writers {
    ($implement:ident) => {
        $implement!(
            crate::StreamWriter,
            crate::StreamPair,
            crate::AsIo<'_, crate::StreamWriter>,
            crate::fs::File,
            crate::net::TcpStream,
            crate::net::WriteHalf
        );
        #[cfg(unix)]
        $implement!(crate::net::UnixStream, crate::net::UnixWriteHalf);
    };
}
