//! Every chart with every kind of data, in every size: valid XML, taken by usvg, nothing clipped, no text on another.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use resvg::usvg::{self, Node};

use super::*;

const SIZES: [Size; 4] = [Size::WIDE, Size::HALF, Size::PHONE, Size { width: 1040.0, height: 300.0 }];
const NAMES: [&str; 7] = [
    "<b>\"A\" & 'B'</b>",
    "مكتبة الشرق",
    "ספרים",
    "👨‍👩‍👧 family 🎁",
    "e\u{301}\0\u{1b}\u{fffe}",
    "",
    "WHITE HANGING HEART T-LIGHT HOLDER WITH A NAME THAT NEVER ENDS, NOT EVEN HERE",
];

fn value_sets() -> Vec<(&'static str, Vec<f64>)> {
    vec![
        ("empty", vec![]),
        ("one", vec![1234.0]),
        ("zero", vec![0.0; 5]),
        ("negative", vec![-5.0, -8000.0, -2.0]),
        ("mixed", vec![5.0, -3.0, 2.0, -8.0, 6.0, 1.0]),
        ("huge", vec![1e12, 3.4e12, 2e12]),
        ("absurd", vec![f64::MAX, f64::MIN, 1e300]),
        ("tiny", vec![1e-9, 3e-9, 2e-9]),
        ("gaps", vec![1.0, f64::NAN, f64::INFINITY, 4.0, f64::NEG_INFINITY]),
        ("equal", vec![7.0; 12]),
        ("two", vec![2.0, 1.0]),
        ("rising", (0..24).map(|index| 50_000.0 * f64::from(index + 3)).collect()),
        ("full", (0..62).map(|index| 100.0 + f64::from(index % 7)).collect()),
        ("many", (0..1100).map(|index| 9e5 / f64::from(index + 1)).collect()),
    ]
}

fn marks(values: &[f64], links: bool) -> Vec<Mark> {
    let mark = |(index, value): (usize, &f64)| {
        let name = match index % 11 {
            known if known < NAMES.len() && links => NAMES[known].to_owned(),
            _ => format!("Bucket {index}"),
        };
        let mark = Mark::new(name, *value).compare(value * 0.9);
        let mark = if links { mark.href(format!("?q=\"{index}\"&b=<1>")) } else { mark };
        if links && index == 1 { mark.selected() } else { mark }
    };
    values.iter().enumerate().map(mark).collect()
}

fn matrix(values: &[f64], links: bool) -> Heatmap {
    // Every cell has a text, and measuring them takes time.
    let values = &values[..values.len().min(26)];
    let rows = (0..values.len().min(7)).map(|row| {
        let cells = values
            .iter()
            .take(values.len() - row)
            .map(|value| Some(if links { Cell::new(*value).href("?cell") } else { Cell::new(*value) }));
        Row::new(NAMES[row % NAMES.len()], cells.collect()).note("1,234")
    });
    Heatmap {
        heading: Heading::new("map", "A & B", "unit"),
        format: Format::Percent(1),
        row_title: "Cohort".into(),
        note_title: "Customers of it".into(),
        column_title: "Months since first order".into(),
        columns: (0..values.len()).map(|column| column.to_string()).collect(),
        rows: rows.collect(),
        shade_to: None,
    }
}

/// All charts with all data, each with what it is.
fn charts() -> Vec<(String, Box<dyn Chart>)> {
    let mut charts: Vec<(String, Box<dyn Chart>)> = Vec::new();
    for (kind, values) in value_sets() {
        for links in [false, true] {
            let format = Format::pounds();
            let heading =
                |id: &str| Heading::new(id, "A <title> & more", "£, net").described("\"What\" it says").shown();
            let mut add = |name: &str, chart: Box<dyn Chart>| charts.push((format!("{name} {kind} {links}"), chart));
            let trend = |base| Trend {
                compare_name: links.then(|| "year before".into()),
                partial: links.then(|| "December so far (9 of 31 days)".into()),
                base,
                ..Trend::new(heading("t"), format.clone(), "this year", marks(&values, links))
            };
            add("trend", Box::new(trend(Base::Zero)));
            add("fitted trend", Box::new(trend(Base::Fit)));
            add(
                "ranking",
                Box::new(Ranking {
                    compare_name: links.then(|| "year before".into()),
                    ..Ranking::new(heading("r"), format.clone(), "Name", "this year", marks(&values, links))
                }),
            );
            let columns = Columns::new(heading("c"), Format::Count, "Months since", "Lost", marks(&values, links));
            add("histogram", Box::new(Columns { touching: true, ..columns.clone() }));
            add("columns", Box::new(columns));
            let pareto = Pareto::new(heading("p"), format.clone(), "products", "revenue", marks(&values, links));
            add("pareto", Box::new(pareto));
            add("matrix", Box::new(matrix(&values, links)));
        }
    }
    charts
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let value = tag.try_get_attribute(name).expect("well-formed attributes")?;
    Some(value.unescape_value().expect("known entities").into_owned())
}

fn each_tag(xml: &str, mut check: impl FnMut(&str, &BytesStart<'_>)) {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut depth = 0;
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(tag) => {
                depth += 1;
                check(std::str::from_utf8(tag.name().as_ref()).expect("a name"), &tag);
            }
            Event::End(_) => depth -= 1,
            Event::Text(text) => _ = text.decode().expect("known entities"),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
}

/// With the fonts of the PDF only: for a letter that it does not have, usvg would open every font there is.
fn options() -> &'static usvg::Options<'static> {
    static OPTIONS: OnceLock<usvg::Options<'static>> = OnceLock::new();
    OPTIONS.get_or_init(|| {
        let mut options = usvg::Options::default();
        options.fontdb_mut().load_font_data(dejavu::sans::regular().to_vec());
        options.fontdb_mut().load_font_data(dejavu::sans::bold().to_vec());
        options
    })
}

/// Boxes around the letters of all texts.
fn text_boxes(group: &usvg::Group, boxes: &mut Vec<(String, usvg::Rect)>) {
    for node in group.children() {
        match node {
            Node::Group(group) => text_boxes(group, boxes),
            Node::Text(text) => {
                let content = text.chunks().iter().map(|chunk| chunk.text()).collect();
                boxes.push((content, text.flattened().abs_bounding_box()));
            }
            _ => {}
        }
    }
}

#[test]
fn drawings_are_well_formed_and_say_what_they_are() {
    for (name, chart) in charts() {
        for size in SIZES.into_iter().chain([Size { width: 0.0, height: f64::NAN }]) {
            let svg = chart.svg(size).into_string();
            assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{name}: {svg}");
            let (mut ids, mut named, mut links, mut role) = (BTreeSet::new(), Vec::new(), 0, String::new());
            each_tag(&svg, |tag, attributes| {
                let get = |attribute_name: &str| attribute(attributes, attribute_name);
                if let Some(id) = get("id") {
                    assert!(ids.insert(id.clone()), "{name}: {id} twice");
                }
                if tag == "svg" {
                    role = get("role").expect("a role");
                    named.extend(get("aria-labelledby"));
                    named.extend(get("aria-describedby"));
                }
                if tag == "a" {
                    links += 1;
                    // Its name is the title in it.
                    assert!(get("href").is_some() && get("data-tip").is_some());
                }
                for paint in ["fill", "stroke"] {
                    let colour = get(paint).filter(|colour| colour != "none");
                    let class = get("class").unwrap_or_default();
                    assert!(colour.is_none() || class.contains(&format!("ch-{}-", &paint[..1])), "{name}: {class}");
                }
                if let Some(size) = get("font-size") {
                    assert!(size.parse::<f64>().expect("a number") >= 11.0);
                }
            });
            assert!(named.iter().all(|id| ids.contains(id)) && !named.is_empty(), "{name}");
            assert_eq!(role, if links > 0 { "group" } else { "img" }, "{name}");
            assert!(links <= 62 || !name.starts_with("trend"), "{name}: {links} links");
        }
        each_tag(&chart.table().into_string(), |_, _| {});
        each_tag(&figure(chart.as_ref(), Size::HALF).into_string(), |_, _| {});
    }
}

#[test]
fn usvg_draws_every_text_where_it_can_be_read() {
    for (name, chart) in charts() {
        for size in SIZES {
            let svg = chart.svg(size).into_string();
            let tree = usvg::Tree::from_str(&svg, options()).expect("usvg takes it");
            let (width, height) = (tree.size().width(), tree.size().height());
            let mut boxes = Vec::new();
            text_boxes(tree.root(), &mut boxes);
            assert!(!boxes.is_empty(), "{name} has no text");
            for (index, (text, place)) in boxes.iter().enumerate() {
                assert!(
                    place.left() >= -1.0
                        && place.right() <= width + 1.0
                        && place.top() >= -1.0
                        && place.bottom() <= height + 1.0,
                    "{name} at {}: {text} is clipped: {place:?} of {width} × {height}",
                    size.width
                );
                for (other, other_place) in &boxes[..index] {
                    let apart = place.left() >= other_place.right()
                        || place.right() <= other_place.left()
                        || place.top() >= other_place.bottom()
                        || place.bottom() <= other_place.top();
                    assert!(apart, "{name} at {}: {text} on {other}: {place:?} {other_place:?}", size.width);
                }
            }
        }
    }
}

#[test]
fn long_series_stay_small() {
    let values: Vec<f64> = (0..1100).map(f64::from).collect();
    let trend = Trend::new(Heading::new("t", "T", "£"), Format::pounds(), "x", marks(&values, true));
    let svg = trend.svg(Size::WIDE).into_string();
    assert!(svg.matches("ch-hit").count() <= 62 && !svg.contains("<circle") && svg.len() < 60_000, "{}", svg.len());
    let linked =
        Trend { band_hrefs: bands(1100).iter().map(|band| format!("?from={}", band.start)).collect(), ..trend };
    assert_eq!(linked.svg(Size::WIDE).into_string().matches("<a ").count(), bands(1100).len());
}

#[test]
fn what_is_cut_is_whole_in_the_tooltip() {
    let long = NAMES[6];
    let ranking = Ranking::new(Heading::new("r", "R", "£"), Format::pounds(), "x", "y", vec![Mark::new(long, 1.0)]);
    let svg = ranking.svg(Size::HALF).into_string();
    assert!(svg.contains(&format!("<title>{long}: £1.00</title>")) && svg.contains("…</text>"), "{svg}");
}

#[test]
fn labels_are_escaped() {
    let mark = Mark::new("</text><script>alert(1)</script>", 1.0).tip("\"><script>").href("?a=\"><script>");
    let trend = Trend::new(Heading::new("t", "<script>", "<script>"), Format::pounds(), "<script>", vec![mark]);
    let html = figure(&trend, Size::HALF).into_string();
    assert!(!html.contains("<script"), "{html}");
}

#[test]
fn sparks_take_anything() {
    for (name, values) in value_sets() {
        let values: Vec<Option<f64>> = values.into_iter().map(Some).collect();
        for partial in [false, true] {
            let spark = Spark { heading: Heading::new("s", "Revenue", ""), values: values.clone(), partial };
            let svg = spark.svg(Spark::SIZE).into_string();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}: {svg}");
            each_tag(&svg, |_, _| {});
            usvg::Tree::from_str(&svg, options()).expect("usvg takes it");
        }
    }
}
