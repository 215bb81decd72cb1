//! The number of a behaviour: `b001` to `b400`, `a001` to `a093`.

use std::fmt;

/// Which of the two lists it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Carries over as it is.
    Direct,
    /// Carries over in an adapted form.
    Adapted,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Direct, Self::Adapted];

    /// How many there are.
    pub(super) fn count(self) -> u16 {
        match self {
            Self::Direct => 400,
            Self::Adapted => 93,
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Direct => 'b',
            Self::Adapted => 'a',
        }
    }
}

/// `b034` or `a034`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number {
    pub(super) kind: Kind,
    pub(super) number: u16,
}

impl Number {
    /// A letter and three digits.
    pub(super) fn parse(word: &str) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|kind| word.starts_with(kind.letter()))?;
        let digits = &word[1..];
        let fits = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { kind, number: digits.parse().ok().filter(|_| fits)? })
    }

    /// All those at the front of a function's name: `b061_b062_read_too_early`.
    pub(super) fn at_front(name: &str) -> Vec<Self> {
        name.split('_').map_while(Self::parse).collect()
    }

    /// Every number that there is.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.into_iter().flat_map(|kind| (1..=kind.count()).map(move |number| Self { kind, number }))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:03}", self.kind.letter(), self.number)
    }
}

/// `b001-b003, b007; a002`, for numbers in ascending order within each kind.
pub(super) fn ranges(numbers: &[Number]) -> String {
    let of = |kind: Kind| {
        let mut runs: Vec<(Number, Number)> = Vec::new();
        for &number in numbers.iter().filter(|number| number.kind == kind) {
            match runs.last_mut() {
                Some((_, last)) if last.number + 1 == number.number => *last = number,
                _ => runs.push((number, number)),
            }
        }
        let shown = runs
            .iter()
            .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
        shown.collect::<Vec<_>>().join(", ")
    };
    let lists: Vec<String> = Kind::ALL.into_iter().map(of).filter(|list| !list.is_empty()).collect();
    lists.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str) -> String {
        ranges(&Number::at_front(name))
    }

    #[test]
    fn numbers_stand_at_the_front_of_a_name() {
        assert_eq!(shown("b017_gather_keeps_order"), "b017");
        assert_eq!(shown("b277_b279_a082_read"), "b277, b279; a082");
        assert_eq!(shown("a001"), "a001");
        for other in ["barrier", "b17_short", "b0170_long", "x_b017", "b", "", "bänder", "a+01_x"] {
            assert_eq!(shown(other), "", "{other}");
        }
    }

    #[test]
    fn neighbours_are_joined() {
        let numbers: Vec<Number> = ["b001", "b002", "b003", "b007", "a002", "a003"]
            .iter()
            .filter_map(|word| Number::parse(word))
            .collect();
        assert_eq!(ranges(&numbers), "b001-b003, b007; a002-a003");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn there_are_493() {
        assert_eq!(Number::all().count(), 493);
    }
}
