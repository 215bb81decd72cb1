//! Notices that the reader of a pipe has gone while nobody writes.

use std::fs::File;
use std::io;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use heist_reactor::{Direction, IoSource};
use heist_scheduler::Handle;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::StreamWriter;
use crate::watch::{Watch, Watching};
use crate::wire::StreamAddr;
use crate::writer::{Ending, WeakWriter};

/// The loop's watch of a pipe's other end.
struct HangUp {
    end: IoSource<File>,
    writer: Arc<OnceLock<WeakWriter>>,
    is_gone: bool,
}

/// Makes a writer that is closed when the reader of `end` has gone. `make` is given what the writer must drop when it is
/// closed: that ends the watch, which has a descriptor of its own.
pub(super) fn watch(
    end: IoSource<File>,
    make: impl FnOnce(Ending) -> StreamWriter,
) -> io::Result<StreamWriter> {
    let Some(handle) = Handle::current() else {
        return Err(io::Error::other("no event loop runs on this thread: connect pipes in a task of a loop"));
    };
    let writer_of_watch = Arc::new(OnceLock::new());
    let watching = Watching::new(handle, HangUp { end, writer: writer_of_watch.clone(), is_gone: false });
    let writer = make(Ending::Other(Box::new(EndWatch(watching.clone()))));
    writer_of_watch.get_or_init(|| writer.downgrade());
    watching.look();
    Ok(writer)
}

/// Has a writer to a pipe, to which nothing was written yet, closed when the pipe's reader has gone.
pub(crate) async fn watched(writer: StreamWriter) -> io::Result<StreamWriter> {
    let (output, _) = writer.hand_over().await?;
    let Some(descriptor) = output.descriptor() else { return Err(io::ErrorKind::Unsupported.into()) };
    let end = IoSource::new(File::from(descriptor.try_clone_to_owned()?));
    watch(end, |ending| StreamWriter::over(output, StreamAddr::Unnamed, Some(ending)))
}

/// The writer's end of the watch.
struct EndWatch(Arc<Watching>);

impl Drop for EndWatch {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Watch for HangUp {
    fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { end, is_gone, .. } = self;
        let looked = end.poll_io(cx, Direction::Read, |end| {
            // Bytes that come from a socket's other end are no hang-up.
            *is_gone = has_hung_up(end)?;
            if *is_gone { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        });
        looked.map(drop)
    }

    fn finish(self: Box<Self>) {
        let Self { end, writer, is_gone } = *self;
        // First the descriptor: the writer then closes the last one.
        drop(end);
        if let Some(writer) = writer.get().filter(|_| is_gone) {
            writer.hang_up();
        }
    }

    // The writer fails by itself when it needs the loop.
    fn abandon(self: Box<Self>) {}
}

fn has_hung_up(end: &File) -> io::Result<bool> {
    let mut ends = [PollFd::new(end, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut ends, Some(&at_once))?;
    Ok(ends[0].revents().intersects(PollFlags::ERR | PollFlags::HUP))
}
