//! Numbers of flags: what makes no sense is refused in words before anything is opened.

use std::fmt::Display;
use std::str::FromStr;

/// A whole number of this range.
pub(crate) fn whole<T>(least: T, most: T) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Copy + Send + Sync + 'static,
{
    in_range("a whole number", least, most)
}

/// A number of this range.
pub(crate) fn within<T>(least: T, most: T) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Copy + Send + Sync + 'static,
{
    in_range("a number", least, most)
}

fn in_range<T>(
    what: &'static str,
    least: T,
    most: T,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Copy + Send + Sync + 'static,
{
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("it must be {what} from {least} to {most}"))
    }
}

/// A part of something, but neither nothing nor all of it.
pub(crate) fn fraction(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|&number| number > 0.0 && number < 1.0);
    number.ok_or_else(|| "it must be a number above 0 and below 1, such as 0.1".to_owned())
}

/// A number above 0 and at most another.
pub(crate) fn positive(most: f64) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|&number| number > 0.0 && number <= most);
        number.ok_or_else(|| format!("it must be a number above 0 and at most {most}"))
    }
}

/// A place in a recording, at most thirty years from its start.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=1e9).contains(number));
    number.ok_or_else(|| "it must be a number of seconds from 0 to 1000000000".to_owned())
}
