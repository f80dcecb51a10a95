//! Times as RFC 3339 writes them.

use std::fmt::{self, Display, Formatter};

use winnow::{
    ModalResult, Parser,
    combinator::{alt, opt, preceded},
    token::{one_of, take_while},
};

use crate::Timestamp;

const DAY: i64 = 86_400;
const SECOND: i64 = 1_000_000;

/// A time of the years 1 to 9999, in its form with `Z`.
pub(crate) struct Printed(pub(crate) Timestamp);

/// The time of a text such as `2026-01-31T08:00:00.25+01:00`, of at most microseconds; no leap seconds.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    moment.parse(text).ok().flatten().map(Timestamp::from_micros)
}

fn moment(input: &mut &str) -> ModalResult<Option<i64>> {
    let (year, _, month, _, day) = (digits::<4>, '-', digits::<2>, '-', digits::<2>).parse_next(input)?;
    one_of(['T', 't']).parse_next(input)?;
    let (hour, _, minute, _, second) = (digits::<2>, ':', digits::<2>, ':', digits::<2>).parse_next(input)?;
    let micros = opt(preceded('.', fraction)).parse_next(input)?.unwrap_or(0);
    let zone = alt((one_of(['Z', 'z']).value(Some(0)), offset)).parse_next(input)?;
    let in_range = (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_in(year, month)).contains(&day);
    let in_day = hour < 24 && minute < 60 && second < 60;
    let seconds = days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second - zone.unwrap_or(0);
    // An offset may lead out of the years that can be written.
    let writable = (1..=9999).contains(&date(seconds.div_euclid(DAY)).0);
    Ok((zone.is_some() && in_range && in_day && writable).then(|| seconds * SECOND + micros))
}

/// Seconds east; none if it is not within a day.
fn offset(input: &mut &str) -> ModalResult<Option<i64>> {
    let sign = alt(('+'.value(1), '-'.value(-1))).parse_next(input)?;
    let (hours, _, minutes) = (digits::<2>, ':', digits::<2>).parse_next(input)?;
    Ok((hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60)))
}

fn digits<const N: usize>(input: &mut &str) -> ModalResult<i64> {
    take_while(N..=N, '0'..='9').try_map(str::parse).parse_next(input)
}

/// Microseconds.
fn fraction(input: &mut &str) -> ModalResult<i64> {
    take_while(1..=6, '0'..='9').try_map(|digits: &str| format!("{digits:0<6}").parse()).parse_next(input)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, of the Gregorian calendar. Years begin in March, so that a leap day is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

/// The inverse of [`days`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl Display for Printed {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_seconds();
        let (year, month, day) = date(seconds.div_euclid(DAY));
        let of_day = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        let micros = self.0.as_micros().rem_euclid(SECOND);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}
