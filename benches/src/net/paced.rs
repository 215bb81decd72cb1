//! The client that sends at a fixed rate, whatever the server does: a latency counts from when the request was due, so
//! that a server which stalls pays for every request that it kept waiting.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::client::Client;
use super::latency::Latencies;
use super::talk::Talk;

/// The key of the timer among the connections.
const TIMER: u64 = u64::MAX;

/// Sends `rate` requests a second for so long, on whichever connection is free; says `ready`, and the result.
pub(crate) fn run(port: u16, connections: usize, rate: u32, time: Duration) -> Result<(), String> {
    let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    let mut client =
        Client::connect(port, connections, Talk::Echo(1)).map_err(failed("the client cannot connect"))?;
    let interval = Duration::from_secs(1) / rate;
    let timer = tick(&client, interval).map_err(failed("the client has no timer"))?;
    let mut free: VecDeque<usize> = (0..connections).collect();
    send_at_rate(&mut client, &mut free, &timer, interval, time / 4, &mut Latencies::default())
        .map_err(failed("the warm-up failed"))?;
    super::wait_for_go(true)?;
    let (mut latencies, began) = (Latencies::default(), Instant::now());
    send_at_rate(&mut client, &mut free, &timer, interval, time, &mut latencies)
        .map_err(failed("the exchange failed"))?;
    latencies.print(1, began.elapsed())
}

/// A timer that ends a wait each time a request is due; waits in milliseconds would send in bursts.
fn tick(client: &Client, interval: Duration) -> io::Result<OwnedFd> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    let interval =
        Timespec { tv_sec: interval.as_secs() as i64, tv_nsec: i64::from(interval.subsec_nanos()) };
    timerfd_settime(
        &timer,
        TimerfdTimerFlags::empty(),
        &Itimerspec { it_interval: interval, it_value: interval },
    )?;
    epoll::add(&client.epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
    Ok(timer)
}

/// Ends when every request has been answered.
fn send_at_rate(
    client: &mut Client,
    free: &mut VecDeque<usize>,
    timer: &OwnedFd,
    interval: Duration,
    time: Duration,
    latencies: &mut Latencies,
) -> io::Result<()> {
    let connections = free.len();
    let mut events = Vec::with_capacity(1024);
    let end = Instant::now() + time;
    let mut due = Instant::now();
    while due < end || free.len() < connections {
        while due < end && Instant::now() >= due {
            let Some(index) = free.pop_front() else { break };
            client.send(index, due)?;
            due += interval;
        }
        events.clear();
        match epoll::wait(&client.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let index = match event.data.u64() {
                TIMER => {
                    // It runs on only when its count is taken; it is due, so there is one.
                    rustix::io::read(timer, &mut [0; 8])?;
                    continue;
                }
                index => index as usize,
            };
            if let Some(latency) = client.receive(index)? {
                latencies.add(latency);
                free.push_back(index);
            }
        }
    }
    Ok(())
}
