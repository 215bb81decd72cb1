//! Finding separators in what is buffered.

use std::io::BufRead;

/// The separator that ends first in `bytes`, with where it begins and ends; of two that end together, the shorter one.
/// Nothing begins before `from`.
pub(super) fn find_any(bytes: &[u8], separators: &[&[u8]], from: usize) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    for separator in separators {
        // No need to look further than where the best one so far ends.
        let within = &bytes[..best.map_or(bytes.len(), |(_, end)| end)];
        if let Some(begin) = find(within, separator, from) {
            let end = begin + separator.len();
            if best.is_none_or(|(best_begin, best_end)| (end, best_begin) < (best_end, begin)) {
                best = Some((begin, end));
            }
        }
    }
    best
}

/// Where `needle`, which is not empty, begins in `bytes`, at `from` or later.
fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let (&first, rest) = needle.split_first()?;
    let mut at = from;
    loop {
        at += find_byte(bytes.get(at..)?, first)?;
        if bytes[at + 1..].starts_with(rest) {
            return Some(at);
        }
        at += 1;
    }
}

/// Where `byte` is. The standard library offers its fast search for a byte through this method alone.
fn find_byte(bytes: &[u8], byte: u8) -> Option<usize> {
    let mut rest = bytes;
    let passed = rest.skip_until(byte).ok()?;
    let at = passed.checked_sub(1)?;
    (bytes[at] == byte).then_some(at)
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_plain_search_finds() {
        let bytes: Vec<u8> = (0..1000u32).map(|i| b"abcab"[(i * i % 7 % 5) as usize]).collect();
        for needle in [&b"a"[..], b"ab", b"cab", b"aab", b"bbbbb", b"x"] {
            for from in [0, 1, 127, 128, 129, 999, 1000, 1001] {
                let plain = (from..bytes.len()).find(|&at| bytes[at..].starts_with(needle));
                assert_eq!(find(&bytes, needle, from), plain, "{needle:?} from {from}");
            }
        }
    }

    #[test]
    fn earliest_end_wins() {
        assert_eq!(find_any(b"some data: END", &[b"END", b"data"], 0), Some((5, 9)));
        assert_eq!(find_any(b"data and end", &[b"and end", b"end"], 0), Some((9, 12)));
        assert_eq!(find_any(b"xxABCD", &[b"ABCD", b"BC"], 0), Some((3, 5)));
        assert_eq!(find_any(b"nothing", &[b"zz", b"y"], 0), None);
    }
}
