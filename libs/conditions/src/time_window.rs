//! Parts of each week, on the clocks of a time zone.

use bailiwick_api::r#type::v1 as pb;
use bailiwick_core::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

const DAY: u16 = 24 * 60;

/// A part of each week. It is about what clocks show: on a day when they are put forward or back, it lasts as long as they
/// say, and an hour that comes twice is in it twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimeWindow {
    /// A zone of the IANA database.
    pub zone: String,
    /// On which days it begins: 1 for Monday to 7 for Sunday, ascending.
    pub weekdays: Vec<u8>,
    /// Minutes of the day.
    pub start: u16,
    /// Minutes of the day, or of the next one if not after the start.
    pub end: u16,
}

impl TimeWindow {
    /// A window as the contract has it.
    ///
    /// # Errors
    /// The field at fault, and what is wrong with it.
    pub fn read(asked: &pb::TimeWindow) -> Result<Self, (&'static str, String)> {
        let pb::TimeWindow { time_zone: zone, weekdays, start, end } = asked;
        let known = TimeZone::get(zone).ok().filter(|found| found.iana_name() == Some(zone.as_str()));
        known.ok_or(("time_zone", "must be a zone of the IANA database, such as `Europe/Berlin`".to_owned()))?;
        let mut days = Vec::new();
        for day in weekdays {
            let day = u8::try_from(*day).ok().filter(|day| (1..=7).contains(day) && !days.contains(day));
            days.push(day.ok_or(("weekdays", "must be 1 to 7, each once".to_owned()))?);
        }
        if days.is_empty() {
            return Err(("weekdays", "must name a day".to_owned()));
        }
        days.sort_unstable();
        let start = minutes(start).filter(|start| *start < DAY).ok_or(("start", "must be `HH:MM`".to_owned()))?;
        let end = minutes(end).ok_or(("end", "must be `HH:MM`".to_owned()))?;
        Ok(Self { zone: zone.clone(), weekdays: days, start, end })
    }

    /// Whether a moment is in it. A zone that is not known, which was when it was written, is never in it.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let Ok(zone) = TimeZone::get(&self.zone) else { return false };
        let Ok(at) = jiff::Timestamp::from_microsecond(at.as_micros()) else { return false };
        let at = zone.to_datetime(at);
        let (Ok(today), Ok(hour), Ok(minute)) =
            (u8::try_from(at.weekday().to_monday_one_offset()), u16::try_from(at.hour()), u16::try_from(at.minute()))
        else {
            return false;
        };
        let yesterday = if today == 1 { 7 } else { today - 1 };
        let (minute, begins) = (hour * 60 + minute, |day| self.weekdays.contains(&day));
        if self.end > self.start {
            begins(today) && (self.start..self.end).contains(&minute)
        } else {
            begins(today) && minute >= self.start || begins(yesterday) && minute < self.end
        }
    }

    /// A text that no other window has.
    pub fn key(&self) -> String {
        let days: String = self.weekdays.iter().map(u8::to_string).collect();
        format!("{} {days} {}-{}", self.zone, clock(self.start), clock(self.end))
    }
}

impl From<TimeWindow> for pb::TimeWindow {
    fn from(window: TimeWindow) -> Self {
        Self {
            start: clock(window.start),
            end: clock(window.end),
            weekdays: window.weekdays.into_iter().map(i32::from).collect(),
            time_zone: window.zone,
        }
    }
}

/// `HH:MM` of minutes of the day.
fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |text: &str| Some(text).filter(|t| t.len() == 2 && t.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
    let (hours, minutes): (u16, u16) = (two(hours)?, two(minutes)?);
    Some(hours * 60 + minutes).filter(|all| minutes < 60 && *all <= DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn read(zone: &str, weekdays: &[i32], start: &str, end: &str) -> Result<TimeWindow, (&'static str, String)> {
        TimeWindow::read(&pb::TimeWindow {
            time_zone: zone.to_owned(),
            weekdays: weekdays.to_vec(),
            start: start.to_owned(),
            end: end.to_owned(),
        })
    }

    #[test]
    fn a_window_is_open_by_the_clocks_of_its_zone() {
        let office = read("Europe/Berlin", &[5, 1], "09:00", "17:00").unwrap();
        let night = read("Europe/Berlin", &[7], "22:00", "06:00").unwrap();
        let day = read("America/New_York", &[6], "00:00", "24:00").unwrap();
        for (window, moment, open) in [
            // A Monday in winter, an hour ahead of UTC; the Friday in summer is two.
            (&office, "2026-01-05T08:00:00Z", true),
            (&office, "2026-01-05T07:59:59Z", false),
            (&office, "2026-01-05T16:00:00Z", false),
            (&office, "2026-07-03T07:00:00Z", true),
            (&office, "2026-07-03T15:00:00Z", false),
            (&office, "2026-01-06T10:00:00Z", false),
            (&night, "2026-01-04T21:00:00Z", true),
            (&night, "2026-01-05T04:59:00Z", true),
            (&night, "2026-01-05T05:00:00Z", false),
            (&night, "2026-01-04T04:00:00Z", false),
            // Two in the morning comes twice, and is in it twice.
            (&night, "2026-10-24T23:30:00Z", false),
            (&day, "2026-01-03T05:00:00Z", true),
            (&day, "2026-01-04T04:59:59Z", true),
            (&day, "2026-01-04T05:00:00Z", false),
        ] {
            assert_eq!(window.is_open(at(moment)), open, "{} at {moment}", window.key());
        }
    }

    #[test]
    fn what_is_no_window_says_which_field() {
        for (zone, days, start, end, field) in [
            ("Europe/Atlantis", &[1][..], "09:00", "17:00", "time_zone"),
            ("europe/berlin", &[1], "09:00", "17:00", "time_zone"),
            ("UTC", &[], "09:00", "17:00", "weekdays"),
            ("UTC", &[1, 1], "09:00", "17:00", "weekdays"),
            ("UTC", &[8], "09:00", "17:00", "weekdays"),
            ("UTC", &[1], "9:00", "17:00", "start"),
            ("UTC", &[1], "24:00", "17:00", "start"),
            ("UTC", &[1], "09:00", "17:60", "end"),
            ("UTC", &[1], "09:00", "24:01", "end"),
        ] {
            assert_eq!(read(zone, days, start, end).unwrap_err().0, field, "{zone} {days:?} {start} {end}");
        }
    }
}
