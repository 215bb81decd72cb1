//! What the operating system knows: processor time, context switches, descriptors, and what machine this is.

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Processor time of the whole process, user and system, in nanoseconds.
pub(crate) fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Voluntary and involuntary context switches of all living threads.
pub(crate) fn context_switches() -> u64 {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return 0 };
    let count = |status: String| -> u64 {
        let lines = status.lines().filter_map(|line| line.split_once(":"));
        lines
            .filter(|(key, _)| key.ends_with("ctxt_switches"))
            .filter_map(|(_, n)| n.trim().parse::<u64>().ok())
            .sum()
    };
    tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("status")).ok()).map(count).sum()
}

/// Where the bytes are counted that are allocated and not freed, in the binary whose allocator counts.
static LIVE_BYTES: OnceLock<fn() -> u64> = OnceLock::new();

/// Notes where they are counted.
pub(crate) fn note_live_bytes(count: fn() -> u64) {
    let _ = LIVE_BYTES.set(count);
}

/// Bytes that are allocated and not freed, as asked for; 0 where nothing counts them.
pub(crate) fn live_bytes() -> u64 {
    LIVE_BYTES.get().map_or(0, |count| count())
}

/// This program, or the one beside it whose allocator counts.
pub(crate) fn program(counts_memory: bool) -> Result<PathBuf, String> {
    let mut program = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    program.set_file_name(if counts_memory { "heist-bench-memory" } else { "heist-bench" });
    if program.exists() {
        Ok(program)
    } else {
        Err(format!("{} is not there: build with --bins", program.display()))
    }
}

/// Resident memory in bytes, or 0 where /proc is missing.
pub(crate) fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// On which cores two threads, or a server and its client, run. Where the system may choose, it keeps for a whole run to what it
/// chose at first, and one choice costs several times what the other does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Where the system puts them.
    BySystem,
    /// Both on one core: what a wake and a switch cost.
    OneCore,
    /// Each on its own: a wake has to rouse a core that sleeps.
    TwoCores,
}

impl Placement {
    /// Binds this thread, and those and the processes that it will start.
    pub(crate) fn bind_first(self) {
        if self != Self::BySystem {
            bind_to(0);
        }
    }

    /// Binds the thread of the other side, and what it will start.
    pub(crate) fn bind_second(self) {
        if self == Self::TwoCores {
            bind_to(1);
        }
    }
}

/// Binds this thread to the `n`-th core, if there is one.
fn bind_to(n: usize) {
    static ALLOWED: OnceLock<CpuSet> = OnceLock::new();
    let allowed =
        ALLOWED.get_or_init(|| sched_getaffinity(None).expect("a thread may ask for its own cores"));
    if let Some(core) = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).nth(n) {
        let mut only = CpuSet::new();
        only.set(core);
        sched_setaffinity(None, &only).expect("a thread may keep to one of its own cores");
    }
}

/// Raises the soft limit of descriptors to the hard one, and returns what holds then.
pub(crate) fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let holds = if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    holds.unwrap_or(u64::MAX)
}

/// Ends this process with status 3 if it still runs after `limit`: a hang is a failed measurement.
pub(crate) fn end_after(limit: Duration, what: String) {
    thread::spawn(move || {
        thread::sleep(limit);
        eprintln!("heist-bench: {what} did not end within {} s", limit.as_secs());
        std::process::exit(3);
    });
}

/// Keeps one processor busy until the input ends.
pub(crate) fn be_busy() {
    thread::spawn(|| {
        // Whatever comes, the end of the input is what is waited for; a broken pipe is one too.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        std::process::exit(0);
    });
    loop {
        black_box(spin_ns());
    }
}

/// By how many times an instrument slows this process down; 1 when there is none. Set once, before a runtime is made.
static SLOWDOWN: OnceLock<u32> = OnceLock::new();

/// How many steps [`spin_ns`] takes.
const SPIN: u64 = 2_000_000;

/// How long a fixed piece of work takes, in nanoseconds: the least of five times.
pub(crate) fn spin_ns() -> u64 {
    let once = || {
        let began = Instant::now();
        let mut value = 1u64;
        for _ in 0..SPIN {
            value = black_box(value.rotate_left(7) ^ 0x9E37_79B9_7F4A_7C15);
        }
        began.elapsed().as_nanos() as u64
    };
    (0..5).map(|_| once()).min().unwrap_or(1).max(1)
}

/// Notes how much slower this process is than one that takes `native_ns` for the fixed piece of work.
pub(crate) fn note_slowdown(native_ns: u64) {
    let times = (spin_ns() + native_ns / 2) / native_ns.max(1);
    let _ = SLOWDOWN.set(times.clamp(1, 10_000) as u32);
}

/// By how many times this process is slowed down, as far as is known.
pub(crate) fn slowdown() -> u32 {
    SLOWDOWN.get().copied().unwrap_or(1)
}

/// The machine, in the words that a report needs.
pub(crate) fn environment() -> serde_json::Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map(|(_, name)| name.trim());
    serde_json::json!({
        "cpu": model.unwrap_or("unknown"),
        "cores": thread::available_parallelism().map_or(0, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": read("/proc/loadavg").trim(),
        "rustc": option_env!("HEIST_BENCH_RUSTC").unwrap_or("unknown"),
        "debug_assertions": cfg!(debug_assertions),
        "peers": {"tokio": "1.54.1", "smol": "2.0.2"},
    })
}
