//! What is printed at the end.

use anyhow::Result;

use super::clients::{Figures, Kind};
use super::shop::Served;

/// The bars, in milliseconds for 95 of 100 answers.
const API: f64 = 100.0;
const PAGES: f64 = 150.0;
/// The largest page, compressed, in bytes.
const PAGE: usize = 200_000;

/// Prints all figures, and whether the bars are met.
pub fn print(sales: u64, clients: u32, served: &Served, figures: &[Figures], naive: &Figures) -> Result<()> {
    println!("{sales} sale lines, {clients} clients at once without a pause\n");
    println!("{:<48} {:>9} {:>9} {:>9} {:>9} {:>10}", "", "answers", "p50 ms", "p95 ms", "p99 ms", "largest kB");
    for one in figures.iter().chain([naive]) {
        println!(
            "{:<48} {:>9} {:>9.1} {:>9.1} {:>9.1} {:>10}",
            one.name,
            one.times.len(),
            one.percentile(50),
            one.percentile(95),
            one.percentile(99),
            one.largest / 1_000
        );
    }
    let (now, most) = served.memory()?;
    println!("\nfirst answer {:.2} s after the start", served.ready.as_secs_f64());
    println!("memory {} MB at the end, {} MB at most", now / 1_000_000, most / 1_000_000);
    for (kind, one) in Kind::ALL.iter().zip(figures) {
        let bar = if matches!(kind, Kind::RareApi | Kind::UsualApi) { API } else { PAGES };
        let is_met = one.percentile(95) < bar && one.largest < PAGE;
        println!(
            "{}  p95 {:.1} ms, bar {bar} ms: {}",
            if is_met { "met   " } else { "MISSED" },
            one.percentile(95),
            one.name
        );
    }
    Ok(())
}
