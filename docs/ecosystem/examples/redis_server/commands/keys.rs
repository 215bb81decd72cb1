//! Keys of any kind, and their deadlines.

use std::time::{Duration, Instant};

use super::super::store::{Store, Value};
use super::{Call, Command, Refusal, command, count, integer};

pub(super) const COMMANDS: &[Command] = &[
    command("del", -2, |call| {
        each(call, |store, key, now| store.value(key, now).is_some() && store.remove(key))
    }),
    command("exists", -2, |call| each(call, |store, key, now| store.value(key, now).is_some())),
    command("expire", 3, |call| expire(call, "expire", 1000)),
    command("flushall", -1, clear),
    command("flushdb", -1, clear),
    command("persist", 2, persist),
    command("pexpire", 3, |call| expire(call, "pexpire", 1)),
    command("pttl", 2, |call| left(call, 1)),
    command("ttl", 2, |call| left(call, 1000)),
    command("type", 2, kind),
    command("unlink", -2, |call| {
        each(call, |store, key, now| store.value(key, now).is_some() && store.remove(key))
    }),
];

/// Counts the keys of which `body` says yes.
fn each(call: &mut Call<'_>, body: impl Fn(&mut Store, &[u8], Instant) -> bool) -> Result<(), Refusal> {
    let keys = call.arguments;
    call.with_store(|store, now, reply| {
        reply.integer(count(keys.iter().filter(|key| body(store, key, now)).count()));
        Ok(())
    })
}

/// When a time from now has passed, given in units of so many milliseconds; `None` for one that has passed already.
pub(super) fn deadline(
    amount: i64,
    milliseconds: i64,
    now: Instant,
    command: &'static str,
) -> Result<Option<Instant>, Refusal> {
    let amount = amount.checked_mul(milliseconds).ok_or(Refusal::ExpireTime(command))?;
    let Ok(amount) = u64::try_from(amount) else { return Ok(None) };
    let deadline = now.checked_add(Duration::from_millis(amount)).ok_or(Refusal::ExpireTime(command))?;
    Ok(Some(deadline).filter(|&deadline| deadline > now))
}

fn expire(call: &mut Call<'_>, name: &'static str, milliseconds: i64) -> Result<(), Refusal> {
    let (key, amount) = (call.arguments[0], integer(call.arguments[1])?);
    let deadline = deadline(amount, milliseconds, call.now, name)?;
    call.with_store(|store, now, reply| {
        let was_there = match deadline {
            Some(_) => store.set_deadline(key, deadline, now),
            None => store.value(key, now).is_some() && store.remove(key),
        };
        reply.integer(was_there.into());
        Ok(())
    })
}

fn persist(call: &mut Call<'_>) -> Result<(), Refusal> {
    let key = call.arguments[0];
    call.with_store(|store, now, reply| {
        let had_one = matches!(store.deadline(key, now), Some(Some(_)));
        store.set_deadline(key, None, now);
        reply.integer(had_one.into());
        Ok(())
    })
}

/// The time left in units of so many milliseconds, rounded; -1 without a deadline, -2 without a key.
fn left(call: &mut Call<'_>, unit: u128) -> Result<(), Refusal> {
    let key = call.arguments[0];
    call.with_store(|store, now, reply| {
        reply.integer(match store.deadline(key, now) {
            None => -2,
            Some(None) => -1,
            Some(Some(deadline)) => {
                let left = deadline.saturating_duration_since(now).as_millis();
                ((left + unit / 2) / unit).try_into().unwrap_or(i64::MAX)
            }
        });
        Ok(())
    })
}

fn kind(call: &mut Call<'_>) -> Result<(), Refusal> {
    let key = call.arguments[0];
    call.with_store(|store, now, reply| {
        reply.simple(store.value(key, now).map_or("none", Value::kind));
        Ok(())
    })
}

fn clear(call: &mut Call<'_>) -> Result<(), Refusal> {
    call.with_store(|store, _, reply| {
        store.clear();
        reply.simple("OK");
        Ok(())
    })
}
