//! Temperatures as they come: what they were so far, and which are the highest yet.
//!
//! It takes what `weather:parse` gives. With `--key origin` each airport has a state of its own.

mod statistics;

use std::borrow::Cow;

use engine_sdk::accumulate;
use serde::{Deserialize, Serialize};

use crate::statistics::Statistics;

/// What is needed of an hour's weather.
#[derive(Deserialize)]
struct Hour<'r> {
    #[serde(borrow)]
    origin: Cow<'r, str>,
    year: u16,
    month: u16,
    day: u16,
    hour: u16,
    /// In degrees Fahrenheit; none if it was not measured.
    temp: Option<f64>,
}

impl Hour<'_> {
    fn celsius(&self) -> Option<f64> {
        self.temp.map(|fahrenheit| (fahrenheit - 32.0) / 1.8)
    }
}

/// The temperatures so far, in degrees Celsius.
#[derive(Debug, PartialEq, Serialize)]
struct SoFar<'r> {
    origin: Cow<'r, str>,
    hours: u64,
    mean: f64,
    /// None of a single hour.
    deviation: Option<f64>,
    lowest: f64,
    highest: f64,
}

/// The temperatures so far, after each hour in which it was measured.
#[accumulate]
fn temperature<'r>(seen: &mut Statistics, hour: Hour<'r>) -> Option<SoFar<'r>> {
    seen.add(hour.celsius()?);
    let Statistics { hours, mean, lowest, highest, .. } = *seen;
    Some(SoFar { origin: hour.origin, hours, mean, deviation: seen.deviation(), lowest, highest })
}

/// A line for each hour that is the warmest so far, by at least `more` degrees Celsius.
#[accumulate(more = 0.1)]
fn warmest(highest: &mut Option<f64>, hour: Hour<'_>, more: f64) -> Option<String> {
    let celsius = hour.celsius()?;
    if highest.is_some_and(|highest| celsius < highest + more) {
        return None;
    }
    *highest = Some(celsius);
    let Hour { origin, year, month, day, hour, .. } = hour;
    Some(format!("{year}-{month:02}-{day:02} {hour:02}:00  {origin}  {celsius:.1} °C"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(temp: Option<f64>) -> Hour<'static> {
        Hour { origin: "JFK".into(), year: 2013, month: 7, day: 18, hour: 15, temp }
    }

    #[test]
    fn an_hour_without_a_measurement_changes_nothing() {
        let mut seen = Statistics::default();
        assert_eq!(temperature(&mut seen, hour(None)), None);
        assert_eq!(seen, Statistics::default());
    }

    #[test]
    fn temperatures_add_up() {
        let mut seen = Statistics::default();
        let first = temperature(&mut seen, hour(Some(32.0))).unwrap();
        assert_eq!((first.hours, first.mean, first.deviation), (1, 0.0, None));
        let second = temperature(&mut seen, hour(Some(50.0))).unwrap();
        assert_eq!((second.hours, second.mean, second.lowest, second.highest), (2, 5.0, 0.0, 10.0));
    }

    #[test]
    fn only_warmer_hours_are_reported() {
        let mut highest = None;
        let mut given = |temp| warmest(&mut highest, hour(Some(temp)), 0.5);
        assert_eq!(given(50.0).unwrap(), "2013-07-18 15:00  JFK  10.0 °C");
        assert_eq!([given(50.0), given(50.5), given(20.0)], [None, None, None]);
        assert!(given(51.8).is_some());
    }
}
