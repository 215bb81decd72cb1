//! The write trait of tokio's, which is hyper's too, method for method.

/// Implements that trait, by its path, for types that are [`PollWrite`](super::PollWrite).
macro_rules! tokio_like_write {
    ($write:path: $($type:ty),*) => {$(
        /// `poll_flush` waits until the system has taken everything, `poll_shutdown` ends this direction after that.
        impl $write for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                PollWrite::poll_write_pieces(self.get_mut(), cx, &[IoSlice::new(buf)])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                PollWrite::poll_write_pieces(self.get_mut(), cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                <Self as PollWrite>::VECTORED
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                PollWrite::poll_flush_all(self.get_mut(), cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                PollWrite::poll_end(self.get_mut(), cx)
            }
        }
    )*};
}
