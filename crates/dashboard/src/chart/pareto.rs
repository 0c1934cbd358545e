//! Few items that make most of the total.

use maud::{Markup, html};
use rust_decimal::Decimal;
use salesmart_metrics::money::{as_f64, round};

use super::draw::{Anchor, Label, area, area_path, block, document, path, rule, spot, stroke, target};
use super::frame::{Plot, crisp, share_labels, tick_count};
use super::legend::{Sample, head};
use super::palette::{ACCENT, INK, MARK, MUTED};
use super::scale::{Band, Base, Linear, MOST_BANDS, Spot, bands};
use super::table::{Table, marks_table};
use super::text::{bold_width, fit, width};
use super::{Chart, Format, Heading, Mark, Size};

/// Items from the largest to the smallest and the share of the total that they make together.
#[derive(Clone, Debug)]
pub struct Pareto {
    /// Title, unit, description.
    pub heading: Heading,
    /// How values are written.
    pub format: Format,
    /// What the items are, in plural and in the middle of a sentence: `products`.
    pub items: String,
    /// What they make, in the middle of a sentence: `revenue`.
    pub measure: String,
    /// The share that is marked.
    pub threshold: f64,
    marks: Vec<Mark>,
}

/// How many items it takes to reach the threshold, and what they reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// Number of the largest items that reach the threshold together.
    pub items: usize,
    /// Their share of all items, 0 to 1.
    pub item_share: f64,
    /// Their share of the total, 0 to 1.
    pub total_share: f64,
}

impl Pareto {
    /// Puts the marks into order; those without a value are left out. Values below zero (more returns than sales) count
    /// as items but add nothing to the total, or shares would exceed 100 %. The threshold is 80 %.
    pub fn new(
        heading: Heading,
        format: Format,
        items: impl Into<String>,
        measure: impl Into<String>,
        mut marks: Vec<Mark>,
    ) -> Self {
        marks.retain(|mark| mark.finite().is_some());
        marks.sort_by(|a, b| b.value.unwrap_or_default().total_cmp(&a.value.unwrap_or_default()));
        Self { heading, format, items: items.into(), measure: measure.into(), threshold: 0.8, marks }
    }

    /// Share of the total that the first items make together, one entry per item; nothing without a positive total.
    pub fn shares(&self) -> Option<Vec<f64>> {
        if let Some(amounts) = self.marks.iter().map(|mark| mark.amount).collect::<Option<Vec<Decimal>>>() {
            return shares_of(&amounts);
        }
        // Of the largest, so that no sum overflows.
        let unit = self.marks.first()?.finite().filter(|largest| *largest > 0.0)?;
        let mut sum = 0.0;
        let mut sums: Vec<f64> = Vec::with_capacity(self.marks.len());
        for mark in &self.marks {
            sum += mark.finite().unwrap_or_default().max(0.0) / unit;
            sums.push(sum);
        }
        Some(sums.into_iter().map(|part| (part / sum).min(1.0)).collect())
    }

    /// Where the threshold is reached.
    pub fn crossing(&self) -> Option<Crossing> {
        let shares = self.shares()?;
        let index = shares.iter().position(|share| *share >= self.threshold - 1e-12)?;
        let items = index + 1;
        Some(Crossing { items, item_share: items as f64 / shares.len() as f64, total_share: shares[index] })
    }

    /// The message: `23 % of products` and `make 80 % of revenue`. With few items they are counted.
    pub fn message(&self) -> Option<[String; 2]> {
        let crossing = self.crossing()?;
        let percent = |share: f64| Format::Percent(0).short(share);
        let who = match self.marks.len() {
            count if count < 30 => format!("{} of {count} {}", crossing.items, self.items),
            _ => format!("{} of {}", percent(crossing.item_share), self.items),
        };
        let verb = if crossing.items == 1 { "makes" } else { "make" };
        Some([who, format!("{verb} {} of {}", percent(crossing.total_share), self.measure)])
    }

    fn is_linked(&self) -> bool {
        self.marks.len() <= MOST_BANDS && self.marks.iter().any(|mark| mark.href.is_some())
    }

    fn bars(&self, plot: &Plot, band: &Band, axis: &Linear, shares: &[f64]) -> Markup {
        let zero = plot.y(axis, 0.0);
        let bar = |index: usize, mark: &Mark| {
            let (x, wide) = band.inner(index);
            let y = plot.y(axis, mark.finite().unwrap_or_default());
            (x, y.min(zero), wide, (y - zero).abs())
        };
        let tip = |index: usize| {
            let share = shares.get(index).map(|share| format!("\n{} with all before", Format::Percent(1).full(*share)));
            format!("{}{}", self.marks[index].tip_text(&self.format, None), share.unwrap_or_default())
        };
        let linked = self.is_linked();
        html! {
            @if self.marks.len() <= MOST_BANDS {
                @for (index, mark) in self.marks.iter().enumerate() {
                    @let (x, y, wide, high) = bar(index, mark);
                    (spot(mark.href.as_deref(), &tip(index), linked, html! {
                        (target(band.edge(index), plot.top, band.step(), plot.height()))
                        (block(x, y, wide, high, if wide > 6.0 { 1.5 } else { 0.0 }, &MARK))
                    }))
                }
            } @else {
                (area(&self.outline(plot, band, axis), &MARK, "1"))
                @for group in bands(self.marks.len()) {
                    @let (first, last) = (band.edge(group.start), band.edge(group.end));
                    @let span = format!("{} {}–{}", self.items, group.start + 1, group.end);
                    (spot(None, &format!("{span}, up to\n{}", tip(group.end - 1)), false,
                        target(first, plot.top, last - first, plot.height())))
                }
            }
        }
    }

    /// All bars as one shape, where they are too many for an element each.
    fn outline(&self, plot: &Plot, band: &Band, axis: &Linear) -> String {
        let top = |index: usize| plot.y(axis, self.marks[index].finite().unwrap_or_default());
        let points: Vec<Option<(f64, f64)>> = self
            .samples(plot)
            .flat_map(|(first, end)| [(band.edge(first), top(first)), (band.edge(end), top(first))])
            .map(Some)
            .collect();
        area_path(&points, plot.y(axis, 0.0))
    }

    /// Neighbours that share a pixel at most, as `(first, end)`: more would not be seen.
    fn samples(&self, plot: &Plot) -> impl Iterator<Item = (usize, usize)> {
        let count = self.marks.len();
        let size = count.div_ceil((plot.width().max(1.0) * 2.0) as usize).max(1);
        (0..count).step_by(size).map(move |first| (first, (first + size).min(count)))
    }

    /// Where the message has room: right of the crossing below the curve, left of it above, or else above the plot.
    fn note(&self, plot: &Plot, band: &Band, axis: &Linear, shares: &[f64]) -> Option<Note> {
        let (crossing, [who, what]) = (self.crossing()?, self.message()?);
        // The curve passes the threshold within the last bar that it takes.
        let before = crossing.items.checked_sub(2).map_or(0.0, |index| shares[index]);
        let within = (self.threshold - before) / (crossing.total_share - before).max(f64::MIN_POSITIVE);
        let passes = band.edge(crossing.items - 1) + band.step() * within.clamp(0.0, 1.0);
        let ends = band.edge(crossing.items);
        let y = plot.bottom - plot.height() * self.threshold;
        // Bars get lower to the right, so only the first one below a text can reach it.
        let is_free = |left: f64, bottom: f64| {
            let index = ((left - plot.left) / band.step()).floor().max(0.0) as usize;
            let value = self.marks.get(index).and_then(Mark::finite).unwrap_or_default();
            axis.place(value, plot.bottom, plot.top) > bottom + 6.0
        };
        let one = format!("{who} {what}");
        for lines in [vec![one.clone()], vec![who, what]] {
            let wide = lines.iter().map(|line| bold_width(line, 12.0)).fold(0.0, f64::max);
            let high = 15.0 * (lines.len() - 1) as f64;
            if wide <= plot.right - ends - 12.0 && is_free(ends + 9.0, y + 19.0 + high) {
                return Some(Note { lines, x: ends + 9.0, y: y + 19.0, anchor: Anchor::Start, above: false });
            }
            if wide <= passes - 9.0 - plot.left && high + 18.0 < y - plot.top && is_free(passes - 9.0 - wide, y - 8.0) {
                return Some(Note { lines, x: passes - 9.0, y: y - 8.0 - high, anchor: Anchor::End, above: false });
            }
        }
        let line = fit(&one, 12.0 * 1.12, plot.right).into_owned();
        Some(Note { lines: vec![line], x: 0.0, y: plot.top, anchor: Anchor::Start, above: true })
    }

    /// The threshold and where it is reached.
    fn crosshair(&self, plot: &Plot, band: &Band) -> Markup {
        let y = |share: f64| plot.bottom - plot.height() * share;
        let level = crisp(y(self.threshold));
        html! {
            @if let Some(crossing) = self.crossing() {
                @let x = crisp(band.edge(crossing.items));
                (rule((plot.left, level), (plot.right, level), &ACCENT, Some("3 3")))
                (rule((x, y(crossing.total_share)), (x, plot.bottom), &ACCENT, Some("3 3")))
            }
        }
    }

    /// Names where each has room below its bar, ranks otherwise.
    fn names(&self, band: &Band) -> Vec<String> {
        let name = |mark: &Mark| fit(mark.axis_label(), 11.0, band.step() - 6.0).into_owned();
        if band.step() >= 44.0 {
            return self.marks.iter().map(name).collect();
        }
        let step = match self.marks.len() {
            count if count <= 62 => 5,
            count => Linear::over([count as f64], Base::Zero, 5, 1.0).ticks[1].max(1.0) as usize,
        };
        let shown = |rank: usize| rank == 1 || rank.is_multiple_of(step);
        (1..=self.marks.len())
            .map(|rank| if shown(rank) { Format::Count.full(rank as f64) } else { String::new() })
            .collect()
    }
}

/// The message and where it stands.
struct Note {
    lines: Vec<String>,
    x: f64,
    y: f64,
    anchor: Anchor,
    /// It needs a line of its own above the plot.
    above: bool,
}

impl Note {
    fn draw(&self) -> Markup {
        html! {
            @for (index, line) in self.lines.iter().enumerate() {
                (Label::new(line, self.x, self.y + 15.0 * index as f64, &INK)
                    .size(12.0).bold(true).anchor(self.anchor).halo().draw())
            }
        }
    }
}

impl Chart for Pareto {
    fn svg(&self, size: Size) -> Markup {
        let size = size.sane();
        let axis = Linear::over(
            self.marks.iter().filter_map(Mark::finite),
            Base::Zero,
            tick_count(size),
            self.format.least_step(),
        );
        let labels = self.format.axis(&axis.ticks);
        let (share_axis, share_labels) = share_labels(size);
        let cumulative = format!("cumulative share of {}", self.measure);
        let head = head(&self.heading, &[(Sample::Line(&ACCENT), &cumulative)], size);
        let mut plot = Plot::inside(size, &head, &labels, 2, width("100 %", 11.0) + 8.0);
        let band =
            Band::new(self.marks.len(), plot.left, plot.right, if self.marks.len() > MOST_BANDS { 0.0 } else { 0.25 });
        let shares = self.shares().unwrap_or_default();
        let raised = Plot { bottom: plot.y(&axis, 0.0), ..plot };
        let mut note = self.note(&raised, &band, &axis, &shares);
        if let Some(note) = note.as_mut().filter(|note| note.above) {
            note.y = head.height + 8.0;
            plot.top += 22.0;
        }
        let zero = plot.y(&axis, 0.0);
        let is_empty = self.marks.is_empty();
        let share_y = |share: f64| share_axis.place(share, zero, plot.top);
        let start = (!shares.is_empty()).then_some((plot.left, share_y(0.0)));
        let samples = self.samples(&plot).filter(|_| !shares.is_empty());
        let curve = samples.map(|(_, end)| (band.edge(end), share_y(shares[end - 1])));
        let names = self.names(&band);
        let spots: Vec<Spot<'_>> =
            names.iter().enumerate().map(|(index, name)| Spot::new(name, band.centre(index))).collect();
        let body = html! {
            (head.markup)
            (plot.grid(&axis, if is_empty { &[] } else { &labels }))
            g aria-hidden="true" {
                @for (tick, label) in share_axis.ticks.iter().zip(&share_labels).filter(|_| !shares.is_empty()) {
                    (Label::new(label, size.width, share_y(*tick), &MUTED).anchor(Anchor::End).centred().draw())
                }
            }
            (self.bars(&plot, &band, &axis, &shares))
            (plot.zero(&axis))
            (self.crosshair(&Plot { bottom: zero, ..plot }, &band))
            (stroke(&path(start.into_iter().chain(curve).map(Some)), &ACCENT, "2", None))
            @if let Some(note) = &note { (note.draw()) }
            (plot.foot(&spots, size, false))
            (plot.caption(&format!("{}, largest first", self.items)))
            @if is_empty { (plot.empty()) }
        };
        document(&self.heading, size, self.is_linked(), body)
    }

    fn table(&self) -> Markup {
        marks_table(&Table {
            caption: &self.heading.title,
            label: &capital(&self.items),
            value: &capital(&self.measure),
            compare: None,
            format: &self.format,
            marks: &self.marks,
            note: None,
            cumulative: self.shares(),
        })
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The shares of amounts, which are added up exactly.
fn shares_of(amounts: &[Decimal]) -> Option<Vec<f64>> {
    // As many as a float has of a share.
    const DECIMALS: u32 = 15;
    let positive = || amounts.iter().map(|amount| (*amount).max(Decimal::ZERO));
    let whole: Decimal = positive().sum();
    let sums = positive().scan(Decimal::ZERO, |sum, amount| {
        *sum += amount;
        Some(*sum)
    });
    sums.map(|sum| sum.checked_div(whole).map(|share| as_f64(round(share, DECIMALS)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pareto(values: &[f64]) -> Pareto {
        let marks = values.iter().map(|value| Mark::new("x", *value)).collect();
        Pareto::new(Heading::new("p", "Pareto", "£"), Format::pounds(), "products", "revenue", marks)
    }

    #[test]
    fn the_threshold_is_found() {
        let crossing = pareto(&[1.0, 80.0, f64::NAN, 19.0]).crossing().expect("a positive total");
        assert_eq!((crossing.items, crossing.total_share), (1, 0.8));
        assert_eq!(pareto(&[10.0; 10]).crossing().map(|crossing| crossing.items), Some(8));
        assert_eq!(pareto(&[-1.0, -2.0]).crossing(), None);
        assert_eq!(pareto(&[0.0]).crossing(), None);
        assert_eq!(pareto(&[]).crossing(), None);
    }

    #[test]
    fn the_message_counts_few_and_measures_many() {
        let few = pareto(&[80.0, 20.0]).message().expect("a positive total");
        assert_eq!(few.map(|line| line.replace('\u{a0}', " ")), ["1 of 2 products", "makes 80 % of revenue"]);
        let many: Vec<f64> = (0..100).map(|index| if index < 20 { 4.0 } else { 0.25 }).collect();
        let many = pareto(&many).message().expect("a positive total");
        assert_eq!(many.map(|line| line.replace('\u{a0}', " ")), ["20 % of products", "make 80 % of revenue"]);
    }

    #[test]
    fn shares_rise_to_one() {
        for values in [vec![1e300; 5], vec![3.0, -1.0, 2.0], vec![1e-300, 1e-310]] {
            let shares = pareto(&values).shares().expect("a positive total");
            assert!(shares.windows(2).all(|pair| pair[0] <= pair[1]) && shares.last() == Some(&1.0), "{shares:?}");
        }
    }
}
