//! Lists.

use super::super::store::Side;
use super::{Call, Command, Refusal, command, count, integer};

pub(super) const COMMANDS: &[Command] = &[
    command("llen", 2, length),
    command("lpop", -2, |call| pop(call, Side::Left)),
    command("lpush", -3, |call| push(call, Side::Left)),
    command("lrange", 4, range),
    command("rpop", -2, |call| pop(call, Side::Right)),
    command("rpush", -3, |call| push(call, Side::Right)),
];

fn push(call: &mut Call<'_>, side: Side) -> Result<(), Refusal> {
    let (key, items) = (call.arguments[0], &call.arguments[1..]);
    call.with_store(|store, now, reply| {
        reply.integer(count(store.push(key, side, items, now)?));
        Ok(())
    })
}

fn pop(call: &mut Call<'_>, side: Side) -> Result<(), Refusal> {
    let &[key] = call.arguments else { return Err(Refusal::Syntax) };
    call.with_store(|store, now, reply| {
        reply.bulk_or_null(store.pop(key, side, now)?.as_deref());
        Ok(())
    })
}

fn length(call: &mut Call<'_>) -> Result<(), Refusal> {
    let key = call.arguments[0];
    call.with_store(|store, now, reply| {
        reply.integer(store.list(key, now)?.map_or(0, |items| count(items.len())));
        Ok(())
    })
}

/// Both ends are in it, and count from the end where they are negative.
fn range(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (key, first, last) = (call.arguments[0], integer(call.arguments[1])?, integer(call.arguments[2])?);
    call.with_store(|store, now, reply| {
        let Some(items) = store.list(key, now)? else {
            reply.array(0);
            return Ok(());
        };
        let length = count(items.len());
        let from_end = |index: i64| if index < 0 { length.saturating_add(index) } else { index };
        let (first, last) = (from_end(first).max(0), from_end(last).min(length - 1));
        if first > last {
            reply.array(0);
            return Ok(());
        }
        // Both are from 0 to the length, which is one.
        let (first, last) = (first as usize, last as usize);
        reply.array(last - first + 1);
        items.range(first..=last).for_each(|item| reply.bulk(item));
        Ok(())
    })
}
