//! Hourly weather at New York's airports: reads the table, keeps the storms, and tells of them.
//!
//! `examples/data/README.md` describes the table and its columns. None of its fields holds a quote
//! or a comma, so a plain split at the commas reads it; a table with quotes wants the crate `csv`.

mod columns;
mod report;
mod tidy;

use std::borrow::Cow;

use engine_sdk::{filter, flat_map, map};
use serde::{Deserialize, Serialize};

use crate::columns::Columns;

/// The fastest wind ever measured outside of a tornado, in miles an hour: Barrow Island, 1996.
const FASTEST: f64 = 253.0;

/// One row of the table; what was not measured is `None`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct Weather<'r> {
    #[serde(borrow)]
    origin: Cow<'r, str>,
    year: u16,
    month: u16,
    day: u16,
    hour: u16,
    temp: Option<f64>,
    dewp: Option<f64>,
    humid: Option<f64>,
    wind_dir: Option<f64>,
    wind_speed: Option<f64>,
    wind_gust: Option<f64>,
    precip: Option<f64>,
    pressure: Option<f64>,
    visib: Option<f64>,
    #[serde(borrow)]
    time_hour: Cow<'r, str>,
}

impl Weather<'_> {
    /// The wind at its strongest, in miles an hour; 0 if it was not measured.
    fn wind(&self) -> f64 {
        self.wind_speed.unwrap_or(0.0).max(self.wind_gust.unwrap_or(0.0))
    }
}

/// Reads a row of the table. The header is left out.
#[map]
fn parse(row: &str) -> Result<Option<Weather<'_>>, String> {
    if row.starts_with("origin,") {
        return Ok(None);
    }
    let mut columns = Columns::new(row);
    let weather = Weather {
        origin: columns.text("origin")?,
        year: columns.integer("year", 1800..=2200)?,
        month: columns.integer("month", 1..=12)?,
        day: columns.integer("day", 1..=31)?,
        hour: columns.integer("hour", 0..=23)?,
        temp: columns.measured("temp")?,
        dewp: columns.measured("dewp")?,
        humid: columns.measured("humid")?,
        wind_dir: columns.measured("wind_dir")?,
        wind_speed: columns.measured("wind_speed")?,
        wind_gust: columns.measured("wind_gust")?,
        precip: columns.measured("precip")?,
        pressure: columns.measured("pressure")?,
        visib: columns.measured("visib")?,
        time_hour: columns.text("time_hour")?,
    };
    columns.end()?;
    Ok(Some(weather))
}

/// Passes on what can be true. The table has one wind that can't: 1048 mph, on 12 February.
#[map]
fn check(weather: Weather<'_>) -> Result<Weather<'_>, String> {
    let wind = weather.wind();
    if wind > FASTEST {
        return Err(format!("a wind of {wind:.0} mph is faster than any that was measured on Earth"));
    }
    Ok(weather)
}

/// Keeps hours with wind or gusts of more than `over` miles an hour.
#[filter(over = 48.0)]
fn windy(weather: &Weather<'_>, over: f64) -> bool {
    let wind = weather.wind();
    wind > over && wind <= FASTEST
}

/// One line for people, in metric units.
#[map]
fn report(weather: &Weather<'_>) -> String {
    report::line(weather)
}

/// One measured value, such as `{"airport":"JFK","month":3,"name":"temp","value":37.04}`.
#[derive(Debug, PartialEq, Serialize)]
struct Measure<'r> {
    airport: &'r str,
    month: u16,
    name: &'static str,
    value: f64,
}

/// All values that were measured in this hour, each on its own.
#[flat_map]
fn measures<'r>(weather: &'r Weather<'_>) -> impl Iterator<Item = Measure<'r>> {
    let values = [
        ("temp", weather.temp),
        ("dewp", weather.dewp),
        ("humid", weather.humid),
        ("wind_dir", weather.wind_dir),
        ("wind_speed", weather.wind_speed),
        ("wind_gust", weather.wind_gust),
        ("precip", weather.precip),
        ("pressure", weather.pressure),
        ("visib", weather.visib),
    ];
    values.into_iter().filter_map(|(name, value)| {
        Some(Measure { airport: &weather.origin, month: weather.month, name, value: value? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "JFK,2013,3,6,22,37.04,NA,80.7,50,46.0,57.5,0.04,NA,2.5,2013-03-07T03:00:00Z";

    #[track_caller]
    fn check_refused(row: &str, expected: &str) {
        assert_eq!(parse(row).unwrap_err(), expected);
    }

    #[test]
    fn a_row_becomes_its_fields() {
        let weather = parse(ROW).unwrap().unwrap();
        assert_eq!((&*weather.origin, weather.month, weather.hour), ("JFK", 3, 22));
        assert_eq!((weather.temp, weather.dewp, weather.pressure), (Some(37.04), None, None));
        assert_eq!(weather.time_hour, "2013-03-07T03:00:00Z");
    }

    #[test]
    fn lines_may_end_with_crlf() {
        assert_eq!(parse(&format!("{ROW}\r")), parse(ROW));
    }

    #[test]
    fn the_header_is_left_out() {
        assert_eq!(parse("origin,year,month"), Ok(None));
    }

    #[test]
    fn a_malformed_row_names_its_column() {
        check_refused("", "column `origin` is empty");
        check_refused("JFK,2013,3", "column `day` is missing");
        check_refused("JFK,2013,March", "column `month`: `March` is no whole number in 1..=12");
        check_refused(&ROW.replace("37.04", "mild"), "column `temp`: `mild` is neither a number nor NA");
        check_refused(&ROW.replace("57.5", "inf"), "column `wind_gust`: `inf` is neither a number nor NA");
        check_refused(&format!("{ROW},1"), "`1` comes after the last column");
    }

    #[test]
    fn windy_hours_have_wind_or_gusts() {
        let hour = |wind_speed, wind_gust| Weather { wind_speed, wind_gust, ..Weather::default() };
        assert!(windy(&hour(Some(50.0), None), 40.0));
        assert!(windy(&hour(Some(30.0), Some(50.0)), 40.0));
        assert!(!windy(&hour(Some(40.0), None), 40.0));
        assert!(!windy(&hour(None, None), 40.0));
    }

    #[test]
    fn an_impossible_wind_is_no_storm_but_a_fault() {
        let broken = Weather { wind_speed: Some(1048.36), ..Weather::default() };
        assert!(!windy(&broken, 40.0));
        assert_eq!(
            check(broken).unwrap_err(),
            "a wind of 1048 mph is faster than any that was measured on Earth"
        );
    }

    #[test]
    fn measures_leave_out_missing_values() {
        let weather = parse(ROW).unwrap().unwrap();
        let measures: Vec<_> = measures(&weather).collect();
        let names: Vec<_> = measures.iter().map(|measure| measure.name).collect();
        assert_eq!(names, ["temp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "visib"]);
        assert_eq!(measures[0], Measure { airport: "JFK", month: 3, name: "temp", value: 37.04 });
    }
}
