//! Random changes of the files of a project.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::{Project, SALES_HEADER};

/// Chooses, the same way for the same seed.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Dice of their own for every seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number from 0 to before `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len() as u64) as usize]
    }

    /// A record out of so few values that corrections, moves, shared orders and ties are frequent.
    fn record(&mut self) -> String {
        let transaction = self.below(60);
        let order = self.below(20);
        let (month, day, hour) = (1 + self.below(4), 1 + self.below(3), self.below(3));
        let customer = self.pick(&["C1", "C2", "C3", "C4", ""]);
        let name = self.pick(&["Ann", "Anna", "Bob", ""]);
        let product = self.pick(&["P1", "P2", "P3", "P4"]);
        let product_name = self.pick(&["Ball", "Balls", "Lamp", ""]);
        let category = self.pick(&["Toys", "Toys", "Home", ""]);
        let place = self.pick(&["North,Kiel,Kiel 1", "South,Ulm,", ",,", "South,Ulm,Ulm 1"]);
        let quantity = self.pick(&["1", "2", "-1"]);
        let revenue = self.pick(&["10.00", "7.50", "", "-3.25"]);
        let cost = self.pick(&["4.00", "", "6.125"]);
        format!(
            "T{transaction},O{order},2024-{month:02}-{day:02} {hour:02}:00:00,{customer},{name},{product},{product_name},{category},{place},{quantity},5.00,{revenue},{cost}"
        )
    }

    /// A file of up to so many records.
    pub fn records(&mut self, most: u64) -> String {
        let count = 1 + self.below(most);
        let lines: Vec<String> = (0..count).map(|_| self.record()).collect();
        format!("{SALES_HEADER}\n{}\n", lines.join("\n"))
    }
}

/// One change of the files; says what it was.
pub fn change(project: &Project, dice: &mut Dice, files: &mut Vec<String>) -> String {
    let kind = if files.is_empty() { 0 } else { dice.below(7) };
    match kind {
        0..=2 => {
            let name = format!("data/raw/sales_{:03}.csv", dice.below(500));
            project.write(&name, dice.records(12));
            files.retain(|file| *file != name);
            files.push(name.clone());
            format!("{name} came")
        }
        3 => {
            let name = files[dice.below(files.len() as u64) as usize].clone();
            project.write(&name, dice.records(6));
            format!("{name} has other records")
        }
        4 => {
            // A single record of an earlier file is corrected or moves.
            let name = files[dice.below(files.len() as u64) as usize].clone();
            let text = std::fs::read_to_string(project.path(&name)).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let index = 1 + dice.below(lines.len() as u64 - 1) as usize;
            let key = lines[index].split(',').next().unwrap().to_owned();
            let (_, rest) = dice.record().split_once(',').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            lines[index] = format!("{key},{rest}");
            project.write(&name, format!("{}\n", lines.join("\n")));
            format!("line {} of {name} is another", index + 1)
        }
        5 => {
            let name = files.swap_remove(dice.below(files.len() as u64) as usize);
            std::fs::remove_file(project.path(&name)).unwrap();
            // One that came and went between two runs was never loaded.
            project.run(&["forget", &name]);
            format!("{name} was withdrawn")
        }
        _ => {
            // A copy under a greater name: its rows are those of the copy from now on, and win against more.
            let name = files[dice.below(files.len() as u64) as usize].clone();
            let copy = format!("data/raw/sales_{:03}.csv", 500 + dice.below(400));
            std::fs::copy(project.path(&name), project.path(&copy)).unwrap();
            files.push(copy.clone());
            format!("{copy} came, a copy of {name}")
        }
    }
}
