//! Medians, quantiles and paired ratios.

/// The median; `None` of nothing. Of an even count, the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

/// The value below which a share `q` of the sorted samples lies (nearest rank). Panics on an empty slice.
pub(crate) fn quantile<T: Copy>(sorted: &[T], q: f64) -> T {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

/// The ratios of one peer over another, round by round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// The median of the ratios.
    pub(crate) median: f64,
    /// The least of them.
    pub(crate) min: f64,
    /// The greatest of them.
    pub(crate) max: f64,
}

/// `base / value` of each round in which both were measured and `value` is not zero.
pub(crate) fn ratio(base: &[Option<f64>], value: &[Option<f64>]) -> Option<Ratio> {
    let pairs = base.iter().zip(value).filter_map(|(base, value)| Some(((*base)?, (*value)?)));
    range(pairs.filter(|(_, value)| *value > 0.0).map(|(base, value)| base / value).collect())
}

/// One over each cost that is there and not zero: higher is better.
pub(crate) fn speeds(costs: &[Option<f64>]) -> Option<Ratio> {
    range(costs.iter().copied().flatten().filter(|cost| *cost > 0.0).map(|cost| 1.0 / cost).collect())
}

fn range(ratios: Vec<f64>) -> Option<Ratio> {
    let min = ratios.iter().copied().reduce(f64::min)?;
    let max = ratios.iter().copied().reduce(f64::max)?;
    Some(Ratio { median: median(&ratios)?, min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_odd_even_and_nothing() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let sorted: Vec<u32> = (1..=100).collect();
        assert_eq!(quantile(&sorted, 0.5), 50);
        assert_eq!(quantile(&sorted, 0.99), 99);
        assert_eq!(quantile(&sorted, 1.0), 100);
        assert_eq!(quantile(&[7], 0.01), 7);
    }

    #[test]
    fn ratios_pair_the_rounds_and_skip_the_gaps() {
        let base = [Some(10.0), None, Some(30.0), Some(8.0)];
        let value = [Some(5.0), Some(1.0), Some(10.0), Some(8.0)];
        assert_eq!(ratio(&base, &value), Some(Ratio { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(ratio(&base, &[None; 4]), None);
        assert_eq!(speeds(&[Some(4.0), None, Some(2.0)]), Some(Ratio { median: 0.375, min: 0.25, max: 0.5 }));
    }
}
