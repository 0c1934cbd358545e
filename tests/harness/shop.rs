//! A project small enough to say by hand what every verb must print.

use super::Project;

impl Project {
    /// One source, a view and a table of cleaning, and two marts; nothing is ingested.
    ///
    /// `raw.orders` ← `stg_orders` (view) ← `stg_lines` ← `fact_lines` ← `agg_days`; `dim_item` reads `stg_lines`, too.
    pub fn shop() -> Self {
        let project = Self::embedded();
        for folder in ["sql", "data/contracts"] {
            std::fs::remove_dir_all(project.path(folder)).unwrap();
        }
        project
            .write(
                "data/contracts/orders.toml",
                "files = \"data/raw/*.csv\"\n[columns]\nid = { type = \"varchar\", required = true }\nday = { type = \"date\" }\nitem = { type = \"varchar\" }\n\
                 pieces = { type = \"integer\", min = \"1\" }\nprice = { type = \"decimal(18,2)\" }\n",
            )
            .write(
                "sql/staging/stg_orders.sql",
                "-- As delivered.\n-- materialized: view\nselect * from raw.orders\n",
            )
            .write(
                "sql/staging/stg_lines.sql",
                "-- One row per line.\n-- key: id\n-- tags: daily, money\nselect id, day, item, pieces, pieces * price as amount\nfrom stg_orders -- all\n",
            )
            .write(
                "sql/marts/fact_lines.sql",
                "-- key: id\n-- tags: daily\nselect id, day, item, cast(amount as decimal(18, 4)) as revenue from stg_lines\n",
            )
            .write("sql/marts/dim_item.sql", "-- key: item\nselect item, count(*) as lines from stg_lines group by item\n")
            .write(
                "sql/marts/agg_days.sql",
                "-- key: day\nselect day, sum(revenue) as revenue from fact_lines group by day\n",
            )
            .write("sql/checks/money_is_there.sql", "-- severity: warn\nselect id from fact_lines where revenue is null\n");
        project
    }

    /// Puts two orders into `data/raw`.
    pub fn orders(&self) -> &Self {
        self.write("data/raw/1.csv", "id,day,item,pieces,price\nA,2024-01-01,ball,2,1.50\nB,2024-01-02,doll,1,9.99\n")
    }
}
