//! In which order addresses are tried.

use std::net::SocketAddr;

/// Interleaves the families, as RFC 8305 wants it: `lead` addresses of the first one's family, then one of each family in
/// turn, each family in its own order. A `lead` of 0 leaves the order as it is.
pub(crate) fn interleave(addresses: Vec<SocketAddr>, lead: usize) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().filter(|_| lead > 0) else { return addresses };
    let is_first_family = first.is_ipv4();
    let (same, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == is_first_family);
    let (mut same, mut other) = (same.into_iter(), other.into_iter());
    // The last of the lead is the first of the turns.
    let mut order: Vec<_> = same.by_ref().take(lead - 1).collect();
    loop {
        let pair = [same.next(), other.next()];
        if pair == [None, None] {
            return order;
        }
        order.extend(pair.into_iter().flatten());
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<SocketAddr> {
        // "4" and "6" with a number each, which becomes the port.
        let parse = |word: &str| {
            let ip = if word.starts_with('4') { "127.0.0.1" } else { "[::1]" };
            format!("{ip}:{}", &word[1..]).parse().unwrap()
        };
        text.split_whitespace().map(parse).collect()
    }

    #[test]
    fn families_take_turns_after_the_lead() {
        for (lead, before, after) in [
            (0, "61 62 41 42", "61 62 41 42"),
            (1, "61 62 63 41 42", "61 41 62 42 63"),
            (2, "61 62 63 41 42", "61 62 41 63 42"),
            (9, "61 62 41", "61 62 41"),
            (1, "41 42", "41 42"),
            (1, "41 61 62 63", "41 61 62 63"),
            (1, "", ""),
        ] {
            assert_eq!(interleave(addresses(before), lead), addresses(after), "lead {lead}: {before}");
        }
    }
}
