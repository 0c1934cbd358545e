//! Rules such as `CET-1CEST,M3.5.0,M10.5.0/3`, as POSIX defines them for `TZ`. Only whether one is right is of interest here: the system
//! follows it.

/// The offsets of a rule, in seconds east of UTC: standard time, and summer time if it has one.
///
/// # Errors
/// What is wrong with it.
pub fn offsets(text: &str) -> Result<(i32, Option<i32>), String> {
    let mut rest = Rest(text);
    rest.name()?;
    let standard = -rest.offset(24)?.ok_or("the name of standard time is followed by its offset, such as CET-1")?;
    if rest.0.is_empty() {
        return Ok((standard, None));
    }
    rest.name()?;
    let summer = rest.offset(24)?.map_or(standard + 3600, |offset| -offset);
    if rest.0.is_empty() {
        return Err("the rules say when summer time begins and ends, such as ,M3.5.0,M10.5.0/3".to_owned());
    }
    for end in ["begins", "ends"] {
        if !rest.skip(',') {
            return Err(format!("a comma and the day on which summer time {end} are missing, such as ,M3.5.0"));
        }
        rest.day()?;
    }
    match rest.0.is_empty() {
        true => Ok((standard, Some(summer))),
        false => Err(format!("`{}` at its end says nothing", rest.0)),
    }
}

/// What is not read yet.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn skip(&mut self, wanted: char) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// `CET`, or anything in `<…>`.
    fn name(&mut self) -> Result<(), String> {
        let (name, rest) = match self.0.strip_prefix('<').and_then(|text| text.split_once('>')) {
            Some(quoted) => quoted,
            None => self.0.split_at(self.0.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(self.0.len())),
        };
        let is_name = name.len() >= 3 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '-');
        self.0 = rest;
        match is_name {
            true => Ok(()),
            false => Err("a rule names the time with three letters or more, such as CET or <+03>".to_owned()),
        }
    }

    fn number(&mut self, range: std::ops::RangeInclusive<i32>) -> Result<Option<i32>, String> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        if digits.is_empty() {
            return Ok(None);
        }
        self.0 = rest;
        match digits.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(format!("{digits} is not from {} to {}", range.start(), range.end())),
        }
    }

    /// `-1`, `5:30` or `+05:30:00`, in seconds.
    fn offset(&mut self, hours: i32) -> Result<Option<i32>, String> {
        let is_negative = self.skip('-');
        let has_sign = is_negative || self.skip('+');
        let Some(mut seconds) = self.number(0..=hours)?.map(|hours| hours * 3600) else {
            return if has_sign { Err("a sign without hours behind it".to_owned()) } else { Ok(None) };
        };
        for unit in [60, 1] {
            if !self.skip(':') {
                break;
            }
            seconds += unit * self.number(0..=59)?.ok_or("a colon without minutes or seconds behind it")?;
        }
        Ok(Some(if is_negative { -seconds } else { seconds }))
    }

    /// `M3.5.0/2` (month, week, day of the week), `J60` or `59` (day of the year), each with the hour or without.
    fn day(&mut self) -> Result<(), String> {
        const SHAPE: &str = "a day is written as month, week and day of the week, such as M3.5.0";
        if self.skip('M') {
            self.number(1..=12)?.ok_or(SHAPE)?;
            for range in [1..=5, 0..=6] {
                if !self.skip('.') {
                    return Err(SHAPE.to_owned());
                }
                self.number(range)?.ok_or(SHAPE)?;
            }
        } else if self.skip('J') {
            self.number(1..=365)?.ok_or(SHAPE)?;
        } else {
            self.number(0..=365)?.ok_or(SHAPE)?;
        }
        if self.skip('/') {
            self.offset(24)?.ok_or("an hour is missing behind the slash")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_i6_rules_are_read_and_wrong_ones_are_explained() {
        assert_eq!(offsets("CET-1CEST,M3.5.0,M10.5.0/3"), Ok((3600, Some(7200))));
        assert_eq!(offsets("EST5EDT4,J60/2:30,300"), Ok((-18_000, Some(-14_400))));
        assert_eq!(offsets("<+0530>-5:30"), Ok((19_800, None)));
        for (wrong, reason) in [
            ("CET", "followed by its offset"),
            ("CE-1", "three letters"),
            ("CET-25", "25 is not from 0 to 24"),
            ("CET-1CEST", "begins and ends"),
            ("CET-1CEST,M3.5.0", "summer time ends"),
            ("CET-1CEST,M13.5.0,M10.5.0", "13 is not from 1 to 12"),
            ("CET-1CEST,M3.5.0,M10.5.0/3x", "`x` at its end"),
            ("CET-1CEST,M3,M10", "month, week and day"),
            ("CET-", "a sign without hours"),
            ("<+03-3", "three letters"),
        ] {
            let error = offsets(wrong).unwrap_err();
            assert!(error.contains(reason), "{wrong}: {error}");
        }
    }
}
