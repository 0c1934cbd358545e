//! A project of many generated models over little data: what looking at every model costs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::measure::{self, Run, salesmart};
use crate::rebuilt;
use crate::tool::{self, in_project};

/// The project with its figures.
pub struct Generated {
    /// How many models.
    pub count: u32,
    /// A build with nothing changed, per round.
    pub unchanged: Vec<Run>,
    /// A build after the edit of one model, per round.
    pub edited: Vec<Run>,
    /// `show` of one row, per round: from the start of the program to its first answer.
    pub started: Vec<Run>,
    project: PathBuf,
}

impl Generated {
    /// Makes the project, with the sample loaded and all models built.
    pub fn prepare(dir: &Path, count: u32) -> Result<Self> {
        let project = dir.join("generated");
        if project.exists() {
            std::fs::remove_dir_all(&project).with_context(|| format!("cannot remove {}", project.display()))?;
        }
        measure::run(salesmart().arg("init").arg("--with-sample").arg(&project))?;
        for folder in ["sql/intermediate", "sql/marts", "sql/checks"] {
            let folder = project.join(folder);
            if folder.exists() {
                std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
            }
        }
        let (unchanged, edited, started) = Default::default();
        let generated = Self { count, unchanged, edited, started, project };
        for number in 1..=count {
            generated.write(number, number)?;
        }
        measure::run(&mut in_project(&generated.project, &["ingest"]))?;
        measure::run(&mut tool::build(&generated.project))?;
        Ok(generated)
    }

    /// Builds with nothing changed, then after the edit of a model in the middle, then asks for a row.
    pub fn round(&mut self) -> Result<()> {
        let (run, said) = measure::run(&mut tool::build(&self.project))?;
        rebuilt::verify(&self.project, &said, None)?;
        self.unchanged.push(run);

        let middle = self.count.div_ceil(2);
        self.write(middle, self.count + 1 + self.edited.len() as u32)?;
        let (run, said) = measure::run(&mut tool::build(&self.project))?;
        rebuilt::verify(&self.project, &said, Some(&name(middle)))?;
        self.edited.push(run);

        let (run, _) = measure::run(&mut in_project(&self.project, &["show", "select 1"]))?;
        self.started.push(run);
        Ok(())
    }

    /// Writes a model. It reads one or two earlier ones; `added` goes into all its rows.
    fn write(&self, number: u32, added: u32) -> Result<()> {
        let (first, second) = (number / 2, number * 2 / 3);
        let rows = match (first, number % 3) {
            (0, _) => "select product_code, count(*) as sale_lines, sum(revenue) as revenue from stg_sales group by product_code"
                .to_owned(),
            (_, 0) if first != second => format!(
                "select product_code, one.sale_lines, greatest(one.revenue, other.revenue) as revenue\n\
                 from {} as one inner join {} as other using (product_code)",
                name(first),
                name(second)
            ),
            _ => format!("select product_code, sale_lines, revenue from {}", name(first)),
        };
        let text = format!(
            "-- One row per product.\n-- key: product_code\nwith\n\nsales as (\n\n{rows}\n\n)\n\n\
             select product_code, sale_lines + {added} as sale_lines, revenue from sales\n"
        );
        tool::write(&self.project.join("sql/intermediate").join(name(number)).with_extension("sql"), &text)
    }
}

fn name(number: u32) -> String {
    format!("m_{number:03}")
}
