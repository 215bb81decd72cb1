//! The connection and the server themselves.

use std::sync::atomic::Ordering;

use super::{COMMANDS as ALL, Call, Command, Refusal, command, count};

pub(super) const COMMANDS: &[Command] = &[
    command("client", -2, client),
    command("command", -1, commands),
    command("config", -2, config),
    command("dbsize", 1, size),
    command("echo", 2, echo),
    command("info", -1, info),
    command("ping", -1, ping).while_listening(),
    command("quit", -1, quit).while_listening(),
    command("select", 2, select),
];

fn ping(call: &mut Call<'_>) -> Result<(), Refusal> {
    let text = match call.arguments {
        [] => None,
        [text] => Some(*text),
        _ => return Err(Refusal::Other("wrong number of arguments for 'ping' command".into())),
    };
    if !call.session.channels.is_empty() {
        call.reply.array(2);
        call.reply.bulk(b"pong");
        call.reply.bulk(text.unwrap_or_default());
    } else if let Some(text) = text {
        call.reply.bulk(text);
    } else {
        call.reply.simple("PONG");
    }
    Ok(())
}

fn echo(call: &mut Call<'_>) -> Result<(), Refusal> {
    call.reply.bulk(call.arguments[0]);
    Ok(())
}

fn quit(call: &mut Call<'_>) -> Result<(), Refusal> {
    call.session.quits = true;
    call.reply.simple("OK");
    Ok(())
}

/// There is one database.
fn select(call: &mut Call<'_>) -> Result<(), Refusal> {
    match super::integer(call.arguments[0]) {
        Ok(0) => call.reply.simple("OK"),
        Ok(_) => return Err(Refusal::Other("DB index is out of range".into())),
        Err(refusal) => return Err(refusal),
    }
    Ok(())
}

fn size(call: &mut Call<'_>) -> Result<(), Refusal> {
    call.with_store(|store, now, reply| {
        // Those past their deadline do not count.
        store.sweep(now, usize::MAX);
        reply.integer(count(store.len()));
        Ok(())
    })
}

/// What clients say of themselves, and nobody asks for here.
fn client(call: &mut Call<'_>) -> Result<(), Refusal> {
    match &*call.arguments[0].to_ascii_uppercase() {
        b"ID" => call.reply.integer(call.session.id.try_into().unwrap_or(i64::MAX)),
        b"SETNAME" | b"SETINFO" | b"NO-EVICT" | b"NO-TOUCH" => call.reply.simple("OK"),
        _ => return Err(Refusal::Other("unknown subcommand of 'client'".into())),
    }
    Ok(())
}

/// What load generators ask for: we keep nothing on disk.
fn config(call: &mut Call<'_>) -> Result<(), Refusal> {
    let words: Vec<_> = call.arguments.iter().map(|word| word.to_ascii_lowercase()).collect();
    let known: &[(&[u8], &[u8])] = &[(b"save", b""), (b"appendonly", b"no")];
    match words.first().map(|word| &**word) {
        Some(b"get") => {
            let asked: Vec<_> =
                known.iter().filter(|(name, _)| words[1..].iter().any(|word| word == name)).collect();
            call.reply.array(2 * asked.len());
            for (name, value) in asked {
                call.reply.bulk(name);
                call.reply.bulk(value);
            }
            Ok(())
        }
        _ => Err(Refusal::Other("unknown subcommand of 'config'".into())),
    }
}

/// The list of commands: clients complete words by it.
fn commands(call: &mut Call<'_>) -> Result<(), Refusal> {
    match call.arguments.first().map(|word| word.to_ascii_uppercase()).as_deref() {
        None => {
            call.reply.array(ALL.len());
            for command in ALL.values() {
                call.reply.array(6);
                call.reply.bulk(command.name.as_bytes());
                call.reply.integer(command.arity.into());
                // Flags, and where its keys are: not told.
                call.reply.array(0);
                (0..3).for_each(|_| call.reply.integer(0));
            }
        }
        Some(b"COUNT") => call.reply.integer(count(ALL.len())),
        Some(_) => call.reply.array(0),
    }
    Ok(())
}

fn info(call: &mut Call<'_>) -> Result<(), Refusal> {
    let (keys, used) = call.with_store(|store, _, _| (store.len(), store.used()));
    let shared = call.shared();
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let lines = [
        "# Server".to_owned(),
        "server_name:heist example".to_owned(),
        format!("process_id:{}", std::process::id()),
        format!("uptime_in_seconds:{}", shared.started.elapsed().as_secs()),
        "# Clients".to_owned(),
        format!("connected_clients:{}", read(&shared.connected)),
        "# Memory".to_owned(),
        format!("used_memory:{used}"),
        "# Stats".to_owned(),
        format!("total_connections_received:{}", read(&shared.connections)),
        format!("total_commands_processed:{}", read(&shared.commands)),
        "# Keyspace".to_owned(),
        format!("db0:keys={keys}"),
    ];
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect();
    call.reply.bulk(text.as_bytes());
    Ok(())
}
