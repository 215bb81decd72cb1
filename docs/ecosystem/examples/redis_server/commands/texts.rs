//! Texts, and numbers that are written as texts.

use std::time::Instant;

use super::keys::deadline;
use super::{Call, Command, Refusal, command, count, integer};

pub(super) const COMMANDS: &[Command] = &[
    command("append", 3, append),
    command("decr", 2, |call| add(call, -1)),
    command("decrby", 3, |call| {
        let by = integer(call.arguments[1])?;
        add(call, by.checked_neg().ok_or(Refusal::Overflow)?)
    }),
    command("get", 2, get),
    command("incr", 2, |call| add(call, 1)),
    command("incrby", 3, |call| {
        let by = integer(call.arguments[1])?;
        add(call, by)
    }),
    command("mget", -2, get_many),
    command("mset", -3, set_many),
    command("set", -3, set),
    command("strlen", 2, length),
];

fn get(call: &mut Call<'_>) -> Result<(), Refusal> {
    let key = call.arguments[0];
    call.with_store(|store, now, reply| {
        reply.bulk_or_null(store.text(key, now)?);
        Ok(())
    })
}

/// What is no text is as good as not there.
fn get_many(call: &mut Call<'_>) -> Result<(), Refusal> {
    let keys = call.arguments;
    call.with_store(|store, now, reply| {
        reply.array(keys.len());
        keys.iter().for_each(|key| reply.bulk_or_null(store.text(key, now).unwrap_or_default()));
        Ok(())
    })
}

fn length(call: &mut Call<'_>) -> Result<(), Refusal> {
    let key = call.arguments[0];
    call.with_store(|store, now, reply| {
        reply.integer(store.text(key, now)?.map_or(0, |text| count(text.len())));
        Ok(())
    })
}

/// What may stand behind `SET key value`.
#[derive(Default)]
struct Choices {
    deadline: Option<Instant>,
    keep: bool,
    only_new: bool,
    only_old: bool,
}

impl Choices {
    fn read(words: &[&[u8]], now: Instant) -> Result<Self, Refusal> {
        let mut choices = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match &*word.to_ascii_uppercase() {
                b"NX" => choices.only_new = true,
                b"XX" => choices.only_old = true,
                b"KEEPTTL" => choices.keep = true,
                unit @ (b"EX" | b"PX") => {
                    let amount = integer(words.next().ok_or(Refusal::Syntax)?)?;
                    let milliseconds = if unit == b"EX" { 1000 } else { 1 };
                    let until =
                        deadline(amount, milliseconds, now, "set")?.ok_or(Refusal::ExpireTime("set"))?;
                    if choices.deadline.replace(until).is_some() {
                        return Err(Refusal::Syntax);
                    }
                }
                _ => return Err(Refusal::Syntax),
            }
        }
        let excluded = choices.only_new && choices.only_old || choices.keep && choices.deadline.is_some();
        if excluded { Err(Refusal::Syntax) } else { Ok(choices) }
    }
}

fn set(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (key, text) = (call.arguments[0], call.arguments[1]);
    let choices = Choices::read(&call.arguments[2..], call.now)?;
    call.with_store(|store, now, reply| {
        let former = store.deadline(key, now);
        if choices.only_new && former.is_some() || choices.only_old && former.is_none() {
            reply.null();
            return Ok(());
        }
        let kept = former.flatten().filter(|_| choices.keep);
        store.set(key, text, choices.deadline.or(kept))?;
        reply.simple("OK");
        Ok(())
    })
}

fn set_many(call: &mut Call<'_>) -> Result<(), Refusal> {
    let pairs = call.arguments.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(Refusal::Other("wrong number of arguments for 'mset' command".into()));
    }
    call.with_store(|store, _, reply| {
        for pair in pairs {
            store.set(pair[0], pair[1], None)?;
        }
        reply.simple("OK");
        Ok(())
    })
}

/// Adds to the number that a text is, nothing being 0. Its deadline stays.
fn add(call: &mut Call<'_>, by: i64) -> Result<(), Refusal> {
    let key = call.arguments[0];
    call.with_store(|store, now, reply| {
        let number = store.text(key, now)?.map_or(Ok(0), integer)?;
        let sum = number.checked_add(by).ok_or(Refusal::Overflow)?;
        let deadline = store.deadline(key, now).flatten();
        store.set(key, sum.to_string().as_bytes(), deadline)?;
        reply.integer(sum);
        Ok(())
    })
}

fn append(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (key, more) = (call.arguments[0], call.arguments[1]);
    call.with_store(|store, now, reply| {
        let text = [store.text(key, now)?.unwrap_or_default(), more].concat();
        let deadline = store.deadline(key, now).flatten();
        store.set(key, &text, deadline)?;
        reply.integer(count(text.len()));
        Ok(())
    })
}
