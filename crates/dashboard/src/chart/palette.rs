//! Colours in two themes, and the style sheet that switches between them.
//!
//! Everything that carries a value has a contrast of 3 to its background, everything that is read one of 4.5; the
//! tests see to that, and to categories that differ for colour-blind people.

/// A colour with its value in the light theme, which is also the one of the PDF, and in the dark theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    /// Name of the custom property `--ch-…` and end of the classes.
    pub name: &'static str,
    /// `#rrggbb` in the light theme.
    pub light: &'static str,
    /// `#rrggbb` in the dark theme.
    pub dark: &'static str,
}

impl Paint {
    const fn new(name: &'static str, light: &'static str, dark: &'static str) -> Self {
        Self { name, light, dark }
    }

    /// Class of what is filled with it.
    pub fn fill(&self) -> String {
        format!("ch-f-{}", self.name)
    }

    /// Class of what is outlined with it.
    pub fn stroke(&self) -> String {
        format!("ch-s-{}", self.name)
    }
}

/// The background that charts are drawn on.
pub const SURFACE: Paint = Paint::new("surface", "#ffffff", "#14181f");
/// Text that matters.
pub const INK: Paint = Paint::new("ink", "#1b2430", "#e6eaf0");
/// Labels of axes, units, legends.
pub const MUTED: Paint = Paint::new("muted", "#5b6675", "#9aa6b5");
/// Grid lines.
pub const GRID: Paint = Paint::new("grid", "#e8ebef", "#262d38");
/// The line that values stand on.
pub const AXIS: Paint = Paint::new("axis", "#8b95a3", "#6f7b8a");
/// Values.
pub const MARK: Paint = Paint::new("mark", "#346db2", "#67a2e4");
/// Values below zero.
pub const LOSS: Paint = Paint::new("loss", "#b5483a", "#e8806f");
/// Values to compare with.
pub const COMPARE: Paint = Paint::new("compare", "#7d8795", "#8491a2");
/// A second measure over the first one.
pub const ACCENT: Paint = Paint::new("accent", "#b8541a", "#f0a35e");
/// Focus and what is under the pointer.
pub const FOCUS: Paint = Paint::new("focus", "#1d5fd1", "#8fc1ff");

/// What a value is filled with.
pub(super) fn by_sign(value: f64) -> &'static Paint {
    if value < 0.0 { &LOSS } else { &MARK }
}

/// Colours of at most eight categories, in this order.
pub const CATEGORIES: [Paint; 8] = [
    Paint::new("c1", "#346db2", "#67a2e4"),
    Paint::new("c2", "#d77629", "#94581f"),
    Paint::new("c3", "#36a480", "#7df2c3"),
    Paint::new("c4", "#94586e", "#ae7e8c"),
    Paint::new("c5", "#626400", "#f6d260"),
    Paint::new("c6", "#00476e", "#0070ae"),
    Paint::new("c7", "#643226", "#fa9067"),
    Paint::new("c8", "#a182de", "#c4c2fe"),
];

/// The steps of a sequential scale from little to much.
pub const STEPS: [Paint; 9] = [
    Paint::new("q1", "#edf5fb", "#1e2630"),
    Paint::new("q2", "#d7e9f6", "#233143"),
    Paint::new("q3", "#bedcf2", "#293d57"),
    Paint::new("q4", "#a6cfee", "#2f4b6c"),
    Paint::new("q5", "#8abee8", "#345982"),
    Paint::new("q6", "#6ca9e0", "#3a6999"),
    Paint::new("q7", "#5192d2", "#4785bb"),
    Paint::new("q8", "#3a73b7", "#5da3d7"),
    Paint::new("q9", "#2b5591", "#86c3eb"),
];

/// Text on each of the [`STEPS`].
pub const STEP_INKS: [Paint; 9] = [
    Paint::new("t1", "#16202c", "#eef3f9"),
    Paint::new("t2", "#16202c", "#eef3f9"),
    Paint::new("t3", "#16202c", "#eef3f9"),
    Paint::new("t4", "#16202c", "#eef3f9"),
    Paint::new("t5", "#16202c", "#eef3f9"),
    Paint::new("t6", "#16202c", "#eef3f9"),
    Paint::new("t7", "#16202c", "#0b1017"),
    Paint::new("t8", "#ffffff", "#0b1017"),
    Paint::new("t9", "#ffffff", "#0b1017"),
];

const NAMED: [Paint; 10] = [SURFACE, INK, MUTED, GRID, AXIS, MARK, LOSS, COMPARE, ACCENT, FOCUS];

fn all() -> impl Iterator<Item = Paint> {
    NAMED.into_iter().chain(CATEGORIES).chain(STEPS).chain(STEP_INKS)
}

/// What a page needs to show charts: once, in its style sheet. A page with a switch sets `data-theme` on its root
/// element; without, the system decides. `color-scheme` is left to the page. `--ch-surface` is what a page's cards
/// should be filled with, `--ch-font` what a page sets to have charts in its own font.
pub fn stylesheet() -> String {
    let values = |value: fn(&Paint) -> &'static str| -> String {
        all().map(|paint| format!("--ch-{}:{};", paint.name, value(&paint))).collect()
    };
    let (light, dark) = (values(|paint| paint.light), values(|paint| paint.dark));
    let classes: String = all()
        .map(|Paint { name, .. }| {
            format!(".ch-f-{name}{{fill:var(--ch-{name})}}.ch-s-{name}{{stroke:var(--ch-{name})}}\n")
        })
        .collect();
    format!(
        ":root{{{light}}}\n\
         @media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n\
         @media screen{{:root[data-theme=dark]{{{dark}}}}}\n\
         {classes}{RULES}"
    )
}

const RULES: &str = "\
.ch{display:block;width:100%;height:auto;overflow:visible;font-family:var(--ch-font,'DejaVu Sans',Verdana,sans-serif)}
.ch text{font-variant-numeric:tabular-nums;pointer-events:none}
.ch a{cursor:pointer;text-decoration:none}
.ch a:focus{outline:none}
.ch .ch-hit{fill:transparent;stroke:none;pointer-events:all}
.ch .ch-mark:hover>.ch-hit{fill:var(--ch-ink);fill-opacity:.06}
.ch a:focus-visible>.ch-hit{stroke:var(--ch-focus);stroke-width:2}
.ch .ch-mark:hover>.ch-shy,.ch a:focus-visible>.ch-shy{visibility:visible}
.ch-figure{margin:0;container-type:inline-size}
.ch-narrow{display:none}
@container (max-width:420px){.ch-roomy{display:none}.ch-narrow{display:block}}
.ch-details{margin-top:.5rem;font-size:.8125rem}
.ch-details>summary{cursor:pointer;color:var(--ch-muted)}
.ch-details>summary:focus-visible,.ch-scroll:focus-visible{outline:2px solid var(--ch-focus);outline-offset:2px}
.ch-scroll{overflow:auto;max-height:22rem;margin-top:.5rem}
.ch-table{border-collapse:collapse;width:100%;color:var(--ch-ink);font-variant-numeric:tabular-nums}
.ch-table caption{text-align:left;color:var(--ch-muted);padding-bottom:.25rem}
.ch-table th,.ch-table td{padding:.25rem .5rem;border-bottom:1px solid var(--ch-grid);text-align:left;font-weight:400}
.ch-table thead th{color:var(--ch-muted);border-bottom-color:var(--ch-axis)}
.ch-table .ch-number{text-align:right;white-space:nowrap}
.ch-table a{color:inherit}
@media print{.ch-details{display:none}.ch-roomy{display:block}.ch-narrow{display:none}}
";

#[cfg(test)]
mod tests {
    use super::*;

    type Rgb = [f64; 3];

    /// Linear light from `#rrggbb`.
    fn linear(hex: &str) -> Rgb {
        [1, 3, 5].map(|at| {
            let share = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("a hex colour")) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn times(matrix: [Rgb; 3], [x, y, z]: Rgb) -> Rgb {
        matrix.map(|[a, b, c]| a * x + b * y + c * z)
    }

    /// Contrast as in WCAG 2.
    fn contrast(one: &str, other: &str) -> f64 {
        let [one, other] = [one, other].map(|hex| {
            let [red, green, blue] = linear(hex);
            0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
        });
        (one / other).max(other / one)
    }

    /// Oklab, where distances are about what eyes see.
    fn oklab(rgb: Rgb) -> Rgb {
        const CONES: [Rgb; 3] = [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ];
        const LAB: [Rgb; 3] = [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ];
        times(LAB, times(CONES, rgb).map(f64::cbrt))
    }

    /// Full vision, then without red, green and blue cones (Machado, Oliveira, Fernandes 2009).
    const EYES: [[Rgb; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    ];

    const THEMES: [fn(&Paint) -> &'static str; 2] = [|paint| paint.light, |paint| paint.dark];

    #[test]
    fn marks_and_text_stand_out() {
        for theme in THEMES {
            let surface = theme(&SURFACE);
            for paint in [INK, MUTED] {
                assert!(contrast(theme(&paint), surface) >= 4.5, "{}", paint.name);
            }
            for paint in [AXIS, MARK, LOSS, COMPARE, ACCENT, FOCUS].iter().chain(&CATEGORIES) {
                assert!(contrast(theme(paint), surface) >= 3.0, "{}", paint.name);
            }
        }
    }

    #[test]
    fn every_step_can_be_written_on() {
        for theme in THEMES {
            for (step, ink) in STEPS.iter().zip(&STEP_INKS) {
                assert!(
                    contrast(theme(step), theme(ink)) >= 4.5,
                    "{} {}",
                    step.name,
                    contrast(theme(step), theme(ink))
                );
            }
            let surface = contrast(theme(&STEPS[8]), theme(&SURFACE));
            assert!(surface >= 3.0, "much must not look like nothing");
        }
    }

    #[test]
    fn steps_get_stronger() {
        for theme in THEMES {
            let strengths = STEPS.map(|step| contrast(theme(&step), theme(&SURFACE)));
            assert!(strengths.windows(2).all(|pair| pair[0] < pair[1]), "{strengths:?}");
        }
    }

    #[test]
    fn categories_differ_for_all_eyes() {
        for theme in THEMES {
            for eyes in EYES {
                let seen = CATEGORIES
                    .map(|paint| oklab(times(eyes, linear(theme(&paint))).map(|light| light.clamp(0.0, 1.0))));
                for (index, one) in seen.iter().enumerate() {
                    for (other_index, other) in seen.iter().enumerate().take(index) {
                        let apart = one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
                        assert!(apart > 0.09, "c{} and c{}: {apart}", index + 1, other_index + 1);
                    }
                }
            }
        }
    }

    #[test]
    fn every_class_has_its_variable() {
        let sheet = stylesheet();
        for paint in all() {
            assert_eq!(sheet.matches(&format!("--ch-{}:{}", paint.name, paint.light)).count(), 1, "{}", paint.name);
            assert!(
                sheet.contains(&format!(".{}{{", paint.fill())) && sheet.contains(&format!(".{}{{", paint.stroke()))
            );
        }
        assert_eq!(sheet.matches('{').count(), sheet.matches('}').count());
    }
}
