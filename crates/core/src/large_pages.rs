//! Asking for memory to be mapped in large pieces.

/// How large a block should be, and how aligned, so that [`prefer_large_pages`] can do something for it: 2 MiB, which is the
/// first size above 4 KiB that x86-64 and 64-bit ARM map by one entry of their tables.
///
/// ```
/// assert!(heist_core::LARGE_PAGE.is_power_of_two());
/// ```
pub const LARGE_PAGE: usize = 2 << 20;

/// Asks the system to map these `bytes` from `block` on by as few entries of its tables as it can. For tables of megabytes
/// through which work leads to and fro: a processor remembers some 2000 pages, and looks up what lies in another one for as long as it
/// waits for memory, or longer where it is virtual. A hint, to be given before the memory is touched: the contents stay what they are, no
/// address is wrong, and where the system knows no such request nothing happens.
///
/// The first touch of each large page then costs what its 512 small ones would have cost, less 511 page faults.
///
/// ```
/// use heist_core::{LARGE_PAGE, prefer_large_pages};
///
/// let table = vec![7_u8; LARGE_PAGE];
/// prefer_large_pages(table.as_ptr(), table.len());
/// assert!(table.iter().all(|&byte| byte == 7));
/// ```
pub fn prefer_large_pages(block: *const u8, bytes: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        // SAFETY: the advice changes nothing that a program can see; a range that is not mapped, or not in whole pages,
        // is refused. A refusal means small pages, which is what there was.
        let _refused = unsafe { libc::madvise(block.cast_mut().cast(), bytes, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (block, bytes);
}
