//! A protocol for a child process: collects what the program `date` prints.
//!
//! ```sh
//! cargo run --example protocols_date
//! ```

#![forbid(unsafe_code)]

use std::io;

use heist::future::Future;
use heist::process::{DEVNULL, INHERIT};
use heist::{SubprocessProtocol, create_future, subprocess_exec};

struct DateProtocol {
    output: Vec<u8>,
    pipe_closed: bool,
    exited: bool,
    exit_future: Future<()>,
}

impl DateProtocol {
    /// The end of the process may be told before that of its pipe, or after it.
    fn check_for_exit(&self) {
        if self.pipe_closed && self.exited {
            // Who waited may have given up.
            let _ = self.exit_future.set_result(());
        }
    }
}

impl SubprocessProtocol for DateProtocol {
    fn pipe_data_received(&mut self, _fd: i32, data: &[u8]) {
        self.output.extend_from_slice(data);
    }

    fn pipe_connection_lost(&mut self, _fd: i32, _error: Option<io::Error>) {
        self.pipe_closed = true;
        self.check_for_exit();
    }

    fn process_exited(&mut self) {
        self.exited = true;
        self.check_for_exit();
    }
}

/// What the program says.
pub(crate) async fn get_date() -> io::Result<String> {
    let exit_future = create_future();
    let protocol = DateProtocol {
        output: Vec::new(),
        pipe_closed: false,
        exited: false,
        exit_future: exit_future.clone(),
    };
    // One pipe, for stdout.
    let (transport, protocol) = subprocess_exec(|| protocol, "date", ["-u", "+%Y-%m-%d"])
        .options(|command| command.stdin(DEVNULL).stderr(INHERIT))
        .await?;

    exit_future.await.map_err(io::Error::other)?;
    transport.close();
    let output = String::from_utf8_lossy(&protocol.lock().await.output).trim_end().to_owned();
    Ok(output)
}

#[heist::main]
async fn main() -> io::Result<()> {
    println!("Current date: {}", get_date().await?);
    Ok(())
}
