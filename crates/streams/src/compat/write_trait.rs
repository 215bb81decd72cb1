//! The write traits of tokio's, hyper's and `futures-io`, which are the same but for a name and what one of them leaves out.

/// Implements such a trait, by its path, for types that are [`PollWrite`](super::PollWrite). `$end` is the method that ends this
/// direction; `$vectored` is `tells` where the trait asks whether pieces go together, else `silent`.
macro_rules! write_trait {
    ($write:path, $end:ident, $vectored:ident: $($type:ty),*) => {$(
        /// `poll_flush` waits until the system has taken everything; ending this direction comes after that.
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

            write_trait!(@ $vectored);

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                PollWrite::poll_flush_all(self.get_mut(), cx)
            }

            fn $end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                PollWrite::poll_end(self.get_mut(), cx)
            }
        }
    )*};
    (@ silent) => {};
    (@ tells) => {
        fn is_write_vectored(&self) -> bool {
            <Self as PollWrite>::VECTORED
        }
    };
}
