//! The commands: a table of them, and what finds the right one.

mod keys;
mod lists;
mod messages;
mod server;
mod texts;

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::resp::{self, Reply};
use super::session::{Session, Shared};
use super::store::{Refusal, Store};

/// The longest name of a command, and some more.
const LONGEST_NAME: usize = 32;
/// How much of a command that nobody knows is repeated in the error.
const REPEATED: usize = 128;

type Run = fn(&mut Call<'_>) -> Result<(), Refusal>;

/// A command: its name, how many words it has with the name (as Redis writes it: negative for "or more"), and what it does.
pub(crate) struct Command {
    name: &'static str,
    arity: i32,
    run: Run,
    /// Whether a connection that listens may say it.
    while_listening: bool,
}

const fn command(name: &'static str, arity: i32, run: Run) -> Command {
    Command { name, arity, run, while_listening: false }
}

impl Command {
    const fn while_listening(mut self) -> Self {
        self.while_listening = true;
        self
    }

    fn takes(&self, words: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { words >= wanted } else { words == wanted }
    }
}

/// One command under way.
pub(crate) struct Call<'a> {
    /// What follows the name.
    arguments: &'a [&'a [u8]],
    session: &'a mut Session,
    reply: &'a mut Reply,
    now: Instant,
}

impl Call<'_> {
    /// Does something with the keys, at the time of the command.
    fn with_store<T>(&mut self, body: impl FnOnce(&mut Store, Instant, &mut Reply) -> T) -> T {
        body(&mut self.session.shared.store(), self.now, self.reply)
    }

    fn shared(&self) -> &Shared {
        &self.session.shared
    }
}

static COMMANDS: LazyLock<HashMap<&'static [u8], &'static Command>> = LazyLock::new(|| {
    let tables: [&[Command]; 5] =
        [keys::COMMANDS, lists::COMMANDS, messages::COMMANDS, server::COMMANDS, texts::COMMANDS];
    tables.into_iter().flatten().map(|command| (command.name.as_bytes(), command)).collect()
});

/// Does what a request asks for. An empty one asks for nothing.
pub(crate) fn run(words: &[&[u8]], session: &mut Session, now: Instant, reply: &mut Reply) {
    let Some((&name, arguments)) = words.split_first() else { return };
    session.shared.commands.fetch_add(1, Ordering::Relaxed);
    let listens = !session.channels.is_empty();
    let done = match find(name) {
        None => Err(unknown(name, arguments)),
        Some(command) if !command.takes(words.len()) => {
            Err(Refusal::Other(format!("wrong number of arguments for '{}' command", command.name)))
        }
        Some(command) if listens && !command.while_listening => Err(Refusal::Other(format!(
            "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            command.name
        ))),
        Some(command) => (command.run)(&mut Call { arguments, session, reply, now }),
    };
    if let Err(refusal) = done {
        reply.error(&refusal);
    }
}

/// The command of that name, in any case.
fn find(name: &[u8]) -> Option<&'static Command> {
    let mut lower = [0; LONGEST_NAME];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    COMMANDS.get(&*lower).copied()
}

fn unknown(name: &[u8], arguments: &[&[u8]]) -> Refusal {
    let text =
        |bytes: &[u8], most: usize| String::from_utf8_lossy(&bytes[..bytes.len().min(most)]).into_owned();
    let mut begin = String::new();
    for argument in arguments {
        let Some(left) = REPEATED.checked_sub(begin.len()).filter(|&left| left > 0) else { break };
        begin.push_str(&format!("'{}' ", text(argument, left)));
    }
    let name = text(name, REPEATED);
    Refusal::Other(format!("unknown command '{name}', with args beginning with: {begin}"))
}

/// A number among the arguments.
fn integer(text: &[u8]) -> Result<i64, Refusal> {
    resp::integer(text).ok_or(Refusal::NotAnInteger)
}

/// A count as a reply has it.
fn count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
