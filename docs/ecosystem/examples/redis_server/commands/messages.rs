//! Publish and subscribe.

use std::sync::Arc;

use super::{Call, Command, Refusal, Reply, command, count};

pub(super) const COMMANDS: &[Command] = &[
    command("publish", 3, publish),
    command("subscribe", -2, subscribe).while_listening(),
    command("unsubscribe", -1, unsubscribe).while_listening(),
];

fn publish(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (channel, text) = (call.arguments[0], call.arguments[1]);
    let mut message = Reply::default();
    message.array(3);
    [b"message", channel, text].into_iter().for_each(|part: &[u8]| message.bulk(part));
    let listeners = call.shared().hub().publish(channel, &Arc::from(message.take()));
    call.reply.integer(count(listeners));
    Ok(())
}

fn subscribe(call: &mut Call<'_>) -> Result<(), Refusal> {
    let session = &mut *call.session;
    for &channel in call.arguments {
        let mut hub = session.shared.hub();
        if session.inbox.is_none() {
            session.inbox = Some(hub.join(session.id));
        }
        hub.subscribe(session.id, channel);
        session.channels.insert(channel.to_vec());
        answer(call.reply, b"subscribe", Some(channel), session.channels.len());
    }
    Ok(())
}

/// From all, where none is named.
fn unsubscribe(call: &mut Call<'_>) -> Result<(), Refusal> {
    let session = &mut *call.session;
    let mut named: Vec<_> = call.arguments.iter().map(|channel| channel.to_vec()).collect();
    if named.is_empty() {
        named = session.channels.iter().cloned().collect();
    }
    if named.is_empty() {
        answer(call.reply, b"unsubscribe", None, 0);
    }
    for channel in named {
        session.shared.hub().unsubscribe(session.id, &channel);
        session.channels.remove(&channel);
        answer(call.reply, b"unsubscribe", Some(&channel), session.channels.len());
    }
    Ok(())
}

fn answer(reply: &mut Reply, what: &[u8], channel: Option<&[u8]>, left: usize) {
    reply.array(3);
    reply.bulk(what);
    reply.bulk_or_null(channel);
    reply.integer(count(left));
}
