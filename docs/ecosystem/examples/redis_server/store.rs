//! The keys and their values: texts and lists, some with a deadline.
//!
//! Time is an argument, so that a deadline is a matter of numbers. A key whose deadline has passed is gone for whoever asks, and is
//! removed then, or by the sweep.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::time::Instant;

/// What an entry costs beside its bytes, about: the table's slot, and what allocations round up.
const OVERHEAD: usize = 64;

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Vec<u8>),
    List(VecDeque<Vec<u8>>),
}

impl Value {
    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(items) => items.iter().map(|item| item.len() + OVERHEAD).sum(),
        }
    }

    /// As `TYPE` calls it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::List(_) => "list",
        }
    }
}

/// Why a command was not done, in the words that Redis uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    WrongType,
    OutOfMemory,
    NotAnInteger,
    Overflow,
    Syntax,
    /// With the command's name.
    ExpireTime(&'static str),
    /// Anything else.
    Other(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongType => {
                f.write_str("WRONGTYPE Operation against a key holding the wrong kind of value")
            }
            Self::OutOfMemory => f.write_str("OOM command not allowed when used memory > 'maxmemory'."),
            Self::NotAnInteger => f.write_str("ERR value is not an integer or out of range"),
            Self::Overflow => f.write_str("ERR increment or decrement would overflow"),
            Self::Syntax => f.write_str("ERR syntax error"),
            Self::ExpireTime(command) => write!(f, "ERR invalid expire time in '{command}' command"),
            Self::Other(message) => write!(f, "ERR {message}"),
        }
    }
}

#[derive(Debug)]
struct Entry {
    value: Value,
    deadline: Option<Instant>,
}

/// At which end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// All keys.
#[derive(Debug)]
pub(crate) struct Store {
    entries: HashMap<Vec<u8>, Entry>,
    /// Those with a deadline, the earliest first.
    deadlines: BTreeSet<(Instant, Vec<u8>)>,
    used: usize,
    limit: usize,
}

impl Store {
    /// One that holds about so many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { entries: HashMap::new(), deadlines: BTreeSet::new(), used: 0, limit }
    }

    /// About how many bytes it holds.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// How many keys, those past their deadline among them until they are removed.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn value(&mut self, key: &[u8], now: Instant) -> Option<&Value> {
        self.entry(key, now).map(|entry| &entry.value)
    }

    /// A text, if there is one.
    pub(crate) fn text(&mut self, key: &[u8], now: Instant) -> Result<Option<&[u8]>, Refusal> {
        match self.value(key, now) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::List(_)) => Err(Refusal::WrongType),
        }
    }

    /// A list, if there is one.
    pub(crate) fn list(&mut self, key: &[u8], now: Instant) -> Result<Option<&VecDeque<Vec<u8>>>, Refusal> {
        match self.value(key, now) {
            None => Ok(None),
            Some(Value::List(items)) => Ok(Some(items)),
            Some(Value::Text(_)) => Err(Refusal::WrongType),
        }
    }

    /// The deadline of a key that is there; `None` inside where it has none.
    pub(crate) fn deadline(&mut self, key: &[u8], now: Instant) -> Option<Option<Instant>> {
        self.entry(key, now).map(|entry| entry.deadline)
    }

    /// Sets a key to a text, whatever it was.
    pub(crate) fn set(&mut self, key: &[u8], text: &[u8], deadline: Option<Instant>) -> Result<(), Refusal> {
        let freed = self.entries.get(key).map_or(0, |entry| size_of(key, &entry.value));
        self.room_for(key.len() + text.len() + OVERHEAD, freed)?;
        self.remove(key);
        self.insert(key, Value::Text(text.to_vec()), deadline);
        Ok(())
    }

    /// Adds items at one end of a list, which is made where there is none; gives its length.
    pub(crate) fn push(
        &mut self,
        key: &[u8],
        side: Side,
        items: &[&[u8]],
        now: Instant,
    ) -> Result<usize, Refusal> {
        let added: usize = items.iter().map(|item| item.len() + OVERHEAD).sum();
        let is_new = self.list(key, now)?.is_none();
        self.room_for(added + if is_new { key.len() + OVERHEAD } else { 0 }, 0)?;
        if is_new {
            self.insert(key, Value::List(VecDeque::new()), None);
        }
        let Some(Entry { value: Value::List(list), .. }) = self.entries.get_mut(key) else {
            return Err(Refusal::WrongType);
        };
        for item in items {
            match side {
                Side::Left => list.push_front(item.to_vec()),
                Side::Right => list.push_back(item.to_vec()),
            }
        }
        self.used += added;
        Ok(list.len())
    }

    /// Takes an item from one end of a list. The last one takes the list with it.
    pub(crate) fn pop(&mut self, key: &[u8], side: Side, now: Instant) -> Result<Option<Vec<u8>>, Refusal> {
        self.list(key, now)?;
        let Some(Entry { value: Value::List(list), .. }) = self.entries.get_mut(key) else { return Ok(None) };
        let item = match side {
            Side::Left => list.pop_front(),
            Side::Right => list.pop_back(),
        };
        let is_empty = list.is_empty();
        self.used -= item.as_ref().map_or(0, |item| item.len() + OVERHEAD);
        if is_empty {
            self.remove(key);
        }
        Ok(item)
    }

    /// Sets the deadline of a key, or takes it away. Whether there is such a key.
    pub(crate) fn set_deadline(&mut self, key: &[u8], deadline: Option<Instant>, now: Instant) -> bool {
        let Some(entry) = self.entry(key, now) else { return false };
        let former = std::mem::replace(&mut entry.deadline, deadline);
        if let Some(former) = former {
            self.deadlines.remove(&(former, key.to_vec()));
        }
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key.to_vec()));
        }
        true
    }

    /// Removes a key. Whether it was there.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, key.to_vec()));
        }
        self.used -= size_of(key, &entry.value);
        true
    }

    /// Removes all.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }

    /// Removes up to `most` keys whose deadline has passed; gives how many these were.
    pub(crate) fn sweep(&mut self, now: Instant, most: usize) -> usize {
        for swept in 0..most {
            let Some((_, key)) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now) else {
                return swept;
            };
            let key = key.clone();
            self.remove(&key);
        }
        most
    }

    fn insert(&mut self, key: &[u8], value: Value, deadline: Option<Instant>) {
        self.used += size_of(key, &value);
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key.to_vec()));
        }
        self.entries.insert(key.to_vec(), Entry { value, deadline });
    }

    /// An entry whose deadline has not passed.
    fn entry(&mut self, key: &[u8], now: Instant) -> Option<&mut Entry> {
        let deadline = self.entries.get(key)?.deadline;
        if deadline.is_some_and(|deadline| deadline <= now) {
            self.remove(key);
        }
        self.entries.get_mut(key)
    }

    fn room_for(&self, bytes: usize, freed: usize) -> Result<(), Refusal> {
        if self.used - freed + bytes > self.limit { Err(Refusal::OutOfMemory) } else { Ok(()) }
    }
}

fn size_of(key: &[u8], value: &Value) -> usize {
    key.len() + OVERHEAD + value.size()
}
