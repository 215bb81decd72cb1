//! Asking for memory before it is needed.

/// The bytes that the processor fetches at a time. Where it is other, a prefetch reaches a little less or more.
const LINE: usize = 64;

/// Asks the processor to fetch `lines` cache lines from `start` on, and does not wait for them. For what is used some hundred
/// nanoseconds later and has hardly been used of late: a thousand timers that come due, tasks that wait in line. A hint: nothing
/// is read, no address is wrong, and where the processor has no such instruction nothing happens.
///
/// ```
/// let task = Box::new([0_u8; 200]);
/// heist_core::prefetch((&raw const *task).cast(), 3);
/// ```
#[inline(always)]
pub fn prefetch(start: *const (), lines: usize) {
    for line in 0..lines {
        prefetch_line(start.cast::<u8>().wrapping_add(line * LINE));
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn prefetch_line(start: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that the program sees, and faults at no address; every x86-64 has the instruction.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(start.cast()) };
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline(always)]
fn prefetch_line(_start: *const u8) {}
