//! One line about an hour's weather, in metric units and fixed columns.

use crate::Weather;

/// `2013-03-06 22:00  JFK  wind  74 km/h NE, gusts  93 km/h,   3 °C, rain 1.0 mm`
pub(crate) fn line(weather: &Weather<'_>) -> String {
    let Weather { origin, year, month, day, hour, .. } = weather;
    let wind = column(weather.wind_speed.map(kilometers));
    let from = format!("{},", weather.wind_dir.map_or("?", compass));
    let gusts = column(weather.wind_gust.map(kilometers));
    let temperature = column(weather.temp.map(celsius));
    let rain = weather.precip.filter(|&inches| inches > 0.0);
    let rain = rain.map(|inches| format!(", rain {:.1} mm", millimeters(inches))).unwrap_or_default();
    format!(
        "{year}-{month:02}-{day:02} {hour:02}:00  {origin}  \
         wind {wind} km/h {from:3} gusts {gusts} km/h, {temperature} °C{rain}"
    )
}

/// A whole number, or a dash, at a width of three.
fn column(value: Option<f64>) -> String {
    value.map_or_else(|| "  -".to_owned(), |value| format!("{:3}", value.round() as i64))
}

/// Where a wind from so many degrees comes from.
fn compass(degrees: f64) -> &'static str {
    const POINTS: [&str; 8] = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
    POINTS[(degrees / 45.0).round() as usize % POINTS.len()]
}

fn kilometers(miles: f64) -> f64 {
    miles * 1.609_344
}

fn celsius(fahrenheit: f64) -> f64 {
    (fahrenheit - 32.0) / 1.8
}

fn millimeters(inches: f64) -> f64 {
    inches * 25.4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storm() -> Weather<'static> {
        Weather {
            origin: "JFK".into(),
            year: 2013,
            month: 3,
            day: 6,
            hour: 22,
            temp: Some(37.04),
            wind_dir: Some(50.0),
            wind_speed: Some(46.0),
            wind_gust: Some(57.5),
            precip: Some(0.04),
            ..Weather::default()
        }
    }

    #[test]
    fn a_line_reports_wind_temperature_and_rain() {
        assert_eq!(
            line(&storm()),
            "2013-03-06 22:00  JFK  wind  74 km/h NE, gusts  93 km/h,   3 °C, rain 1.0 mm"
        );
    }

    #[test]
    fn a_missing_value_is_a_dash_in_its_column() {
        let calm = Weather { wind_dir: None, wind_gust: None, temp: Some(31.9), precip: None, ..storm() };
        assert_eq!(line(&calm), "2013-03-06 22:00  JFK  wind  74 km/h ?,  gusts   - km/h,   0 °C");
    }

    #[test]
    fn compass_directions_wrap_around() {
        let points = [0.0, 22.0, 23.0, 90.0, 337.0, 338.0, 360.0].map(compass);
        assert_eq!(points, ["N", "N", "NE", "E", "NW", "N", "N"]);
    }
}
