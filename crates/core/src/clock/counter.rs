//! The processor's own counter of time, where the kernel itself goes by it.
//!
//! On x86-64 that is the time stamp counter. Linux names the source of its clocks; where that is the counter, the
//! monotonic clock is a function of it, the same on every core. Elsewhere there is none.

/// A reading of the counter.
pub(super) type Ticks = u64;

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(heist_loom), not(miri)))]
mod platform {
    use std::arch::x86_64::{__cpuid, _mm_lfence, _rdtsc};

    use super::Ticks;

    /// The counter. The processor may read it ahead of instructions that come before, while it waits for them.
    #[inline(always)]
    pub(in super::super) fn read() -> Ticks {
        // SAFETY: every x86-64 processor has the instruction. Where the system forbids it to programs `is_usable` says no.
        unsafe { _rdtsc() }
    }

    /// The counter, read when everything that comes before is done.
    pub(in super::super) fn read_in_order() -> Ticks {
        // SAFETY: part of SSE2, which every x86-64 processor has.
        unsafe { _mm_lfence() };
        read()
    }

    /// Whether the counter runs at one rate, whatever the core does, may be read by programs, and is what the kernel's
    /// clocks go by.
    pub(in super::super) fn is_usable() -> bool {
        runs_evenly() && may_be_read() && drives_the_clocks()
    }

    /// "Invariant TSC": the rate is constant, also while the core sleeps.
    fn runs_evenly() -> bool {
        const HIGHEST_EXTENDED: u32 = 0x8000_0000;
        const POWER: u32 = 0x8000_0007;
        const INVARIANT: u32 = 1 << 8;
        // SAFETY: every x86-64 processor has the instruction.
        #[allow(unused_unsafe, reason = "safe to call since Rust 1.93")]
        let highest = unsafe { __cpuid(HIGHEST_EXTENDED) }.eax;
        // SAFETY: as above.
        #[allow(unused_unsafe, reason = "safe to call since Rust 1.93")]
        let power = || unsafe { __cpuid(POWER) }.edx;
        highest >= POWER && power() & INVARIANT != 0
    }

    /// A process may have it that reading the counter is a fault.
    fn may_be_read() -> bool {
        let mut mode: libc::c_int = 0;
        // SAFETY: the call writes one `int` to where it is told, which is a local.
        let answer = unsafe { libc::prctl(libc::PR_GET_TSC, &raw mut mode) };
        answer == 0 && mode == libc::PR_TSC_ENABLE
    }

    fn drives_the_clocks() -> bool {
        const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        std::fs::read(SOURCE).is_ok_and(|source| source.trim_ascii() == b"tsc")
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(heist_loom), not(miri))))]
mod platform {
    use super::Ticks;

    pub(in super::super) fn read() -> Ticks {
        0
    }

    pub(in super::super) fn read_in_order() -> Ticks {
        0
    }

    pub(in super::super) fn is_usable() -> bool {
        false
    }
}

pub(super) use platform::{is_usable, read, read_in_order};
