//! The drawings of the HTML report, as inline SVG. A drawing holds lines and no words where it has to be as wide as the
//! page: words beside it stay legible on a phone, where a scaled drawing would shrink them.

use std::fmt::Write as _;

use crate::stats::Ratio;

/// The ends of the ratio axis: a quarter to 128 times.
const LEAST_RATIO: f64 = 0.25;
const GREATEST_RATIO: f64 = 128.0;

/// Where the ratio axis has its lines.
pub(crate) const RATIO_LINES: &[f64] = &[0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Per cent of the width at which a ratio lies; the axis is logarithmic.
pub(crate) fn ratio_at(ratio: f64) -> f64 {
    let ratio = ratio.clamp(LEAST_RATIO, GREATEST_RATIO);
    (ratio / LEAST_RATIO).ln() / (GREATEST_RATIO / LEAST_RATIO).ln() * 100.0
}

/// A bar from 1 to the median, and a line from the least to the greatest.
pub(crate) fn ratio_bar(ratio: Ratio, class: &str) -> String {
    let mut svg = String::from(r#"<svg class="bar" width="100%" height="16" aria-hidden="true">"#);
    for line in RATIO_LINES {
        let class = if *line == 1.0 { "one" } else { "grid" };
        let x = ratio_at(*line);
        let _ = write!(svg, r#"<line class="{class}" x1="{x:.2}%" x2="{x:.2}%" y1="0" y2="16"/>"#);
    }
    let (one, median) = (ratio_at(1.0), ratio_at(ratio.median));
    let (x, width) = (one.min(median), (one - median).abs());
    let _ = write!(
        svg,
        r#"<rect class="fill {class}" x="{x:.2}%" width="{width:.2}%" y="3" height="10" rx="1.5"/>"#
    );
    let (min, max) = (ratio_at(ratio.min), ratio_at(ratio.max));
    let _ = write!(svg, r#"<line class="range" x1="{min:.2}%" x2="{max:.2}%" y1="8" y2="8"/></svg>"#);
    svg
}

/// One dot a round on a line from 0 to `greatest`, and a tick at the median.
pub(crate) fn strip(rounds: &[f64], median: f64, greatest: f64, class: &str) -> String {
    let at = |value: f64| 1.0 + value / greatest * 98.0;
    let mut svg = String::from(r#"<svg class="strip" width="100%" height="14" aria-hidden="true">"#);
    svg.push_str(r#"<line class="grid" x1="1%" x2="99%" y1="7" y2="7"/>"#);
    for round in rounds {
        let _ = write!(svg, r#"<circle class="dot {class}" cx="{:.2}%" cy="7" r="4"/>"#, at(*round));
    }
    let x = at(median);
    let _ = write!(svg, r#"<line class="median" x1="{x:.2}%" x2="{x:.2}%" y1="1" y2="13"/></svg>"#);
    svg
}

/// A curve of latencies.
pub(crate) struct Curve {
    /// Whose it is.
    pub(crate) class: &'static str,
    /// Microseconds at each share.
    pub(crate) us: Vec<f64>,
}

/// About as many pixels as a card is wide, on a phone as on a desk: so words keep nearly their size.
const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 44.0;

/// The shares that the upper axis names.
const NAMED_SHARES: &[(f64, &str)] =
    &[(0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %")];

/// The distribution of latencies: for each share of the requests, within what time they were answered. Both axes are
/// logarithmic, the upward one in the share that took longer, so that the tail has room.
pub(crate) fn cumulative(shares: &[f64], curves: &[Curve]) -> String {
    let all = || curves.iter().flat_map(|curve| &curve.us).copied().filter(|us| *us > 0.0);
    let least = decade_below(all().fold(f64::INFINITY, f64::min));
    let greatest = decade_above(all().fold(0.0, f64::max));
    let x = |us: f64| LEFT + (us.max(least) / least).ln() / (greatest / least).ln() * (WIDTH - LEFT - RIGHT);
    let rarest = -(1.0 - shares.last().copied().unwrap_or(0.5)).ln();
    let y = |share: f64| HEIGHT - BOTTOM - -(1.0 - share).ln() / rarest * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(r#"<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">"#);
    for (share, name) in NAMED_SHARES {
        let y = y(*share);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{y:.1}" y2="{y:.1}"/><text x="{:.1}" y="{:.1}" text-anchor="end">{name}</text>"#,
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
        );
    }
    // On a long axis there is room for the name of every other decade.
    let decades = (greatest / least).log10().round() as usize;
    for decade in 0..=decades {
        let us = least * 10f64.powi(decade as i32);
        let x = x(us);
        let is_named = decades <= 4 || (decades - decade) % 2 == 0;
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{:.1}"/><text x="{x:.1}" y="{:.1}" text-anchor="{}">{}</text>"#,
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 17.0,
            if decade == decades { "end" } else { "middle" },
            if is_named { time(us) } else { String::new() },
        );
    }
    let _ = write!(
        svg,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">answered within</text>"#,
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 8.0,
    );
    for curve in curves {
        let points: Vec<String> = shares
            .iter()
            .zip(&curve.us)
            .map(|(share, us)| format!("{:.1},{:.1}", x(*us), y(*share)))
            .collect();
        let _ = write!(svg, r#"<polyline class="line {}" points="{}"/>"#, curve.class, points.join(" "));
    }
    svg.push_str("</svg>");
    svg
}

fn decade_below(us: f64) -> f64 {
    if us.is_finite() { 10f64.powf(us.log10().floor()) } else { 1.0 }
}

/// Always above [`decade_below`] of a lesser value, so that the axis has a length.
fn decade_above(us: f64) -> f64 {
    10f64.powf(us.max(1.0).log10().floor() + 1.0)
}

/// Microseconds in a unit that fits.
fn time(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{:.0} s", us / 1e6),
        us if us >= 1e3 => format!("{:.0} ms", us / 1e3),
        us => format!("{} µs", (us * 10.0).round() / 10.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_axis_is_logarithmic_and_has_ends() {
        assert!((ratio_at(LEAST_RATIO) - 0.0).abs() < 1e-9);
        assert!((ratio_at(32f64.sqrt()) - 50.0).abs() < 1e-9);
        assert!((ratio_at(1e9) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_curve_has_a_point_for_each_share_inside_the_drawing() {
        let curve = Curve { class: "heist", us: vec![50.0, 400.0, 1000.0] };
        let svg = cumulative(&[0.5, 0.9, 0.99], &[curve]);
        let points = svg.split_once("points=\"").unwrap().1.split_once('"').unwrap().0;
        let points: Vec<(f64, f64)> = points
            .split(' ')
            .map(|point| point.split_once(',').unwrap())
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect();
        assert_eq!(points.len(), 3);
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 > pair[1].1));
        assert!(points.iter().all(|(x, y)| (LEFT..=WIDTH).contains(x) && (0.0..=HEIGHT).contains(y)));
    }

    #[test]
    fn times_have_units() {
        assert_eq!([10.0, 1000.0, 1e6].map(time), ["10 µs", "1 ms", "1 s"]);
    }
}
