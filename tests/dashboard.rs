//! The pages, as people see and use them, in a real browser.

use std::path::{Path, PathBuf};

use crate::harness::browser::Scripts;
use crate::harness::{Browser, Dashboard, Project, sale};
use crate::serve::{sample, until};

const PAGES: [&str; 5] = ["overview", "products", "regions", "customers", "quality"];

/// A number as it stands on a page.
fn number(text: &str) -> f64 {
    let plain: String = text
        .chars()
        .map(|c| if c == '\u{2212}' { '-' } else { c })
        .filter(|c| c.is_ascii_digit() || matches!(c, '-' | '.'))
        .collect();
    plain.parse().unwrap_or_else(|_| panic!("{text:?} is not a number"))
}

/// A table of the page: for each row its first cell with a name, and the number in the column of this title.
fn column(browser: &Browser, table: &str, title: &str) -> Vec<(String, f64)> {
    let script = format!(
        "const table = document.getElementById('{table}');
         if (!table) return null;
         const heads = [...table.tHead.rows[0].cells].map(cell => cell.textContent.trim());
         const at = heads.findIndex(head => head.startsWith('{title}'));
         return [...table.tBodies[0].rows].map(row =>
             [row.querySelector('th').childNodes[0].textContent.trim(), row.cells[at].textContent.trim()]);"
    );
    let rows = browser.script(&script);
    let rows = rows.as_array().unwrap_or_else(|| panic!("there is no table {table} on {}", browser.url()));
    rows.iter().map(|row| (row[0].as_str().unwrap().to_owned(), number(row[1].as_str().unwrap()))).collect()
}

/// The same from the warehouse: names and amounts, rounded to cents as pages show them.
fn pushed(project: &Project, query: &str) -> Vec<(String, f64)> {
    project
        .pushed(query)
        .iter()
        .map(|line| {
            let (name, amount) = line.rsplit_once(',').unwrap();
            (name.to_owned(), amount.parse().unwrap())
        })
        .collect()
}

/// The exact value of a tile.
fn tile(browser: &Browser, label: &str) -> f64 {
    let script = format!(
        "const tile = [...document.querySelectorAll('.tile')].find(tile => tile.querySelector('dt').childNodes[0].textContent.trim() === '{label}');
         const value = tile.querySelector('dd.value');
         return value.title || value.textContent;"
    );
    number(browser.script(&script).as_str().unwrap())
}

fn revenue(project: &Project, condition: &str) -> f64 {
    let sql = format!(
        "select round(coalesce(sum(revenue), 0), 2) as revenue
         from mart.fact_sales
         inner join mart.dim_product using (product_id)
         inner join mart.dim_region using (region_id)
         inner join mart.dim_customer using (customer_id)
         where {condition}"
    );
    project.pushed(&sql)[0].parse().unwrap()
}

#[test]
fn numbers_of_every_page_are_those_of_sql() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let browser = Browser::open();

    browser.goto(&dashboard.url("/overview?dates=all"));
    assert_eq!(tile(&browser, "Revenue"), revenue(&project, "true"));
    let sql = "select count(distinct order_id) filter (where not is_return) as orders from mart.fact_sales";
    assert_eq!(tile(&browser, "Orders"), project.pushed(sql)[0].parse::<f64>().unwrap());
    let months = column(&browser, "trend-table", "Revenue");
    let by_month = "select to_char(full_date, 'Mon YYYY') as month, round(sum(revenue), 2) as revenue
        from mart.fact_sales inner join mart.dim_date using (date_id) group by 1, date_trunc('month', full_date)
        order by date_trunc('month', full_date)";
    let expected = pushed(&project, by_month);
    assert!(months.len() >= 24);
    assert_eq!(months.len(), expected.len());
    for (month, expected) in months.iter().zip(&expected) {
        // The running month says so in its name.
        assert!(month.0.starts_with(&expected.0), "{month:?} {expected:?}");
        assert_eq!(month.1, expected.1, "{month:?}");
    }

    browser.goto(&dashboard.url("/products?dates=all"));
    let sql = "select product_name, round(sum(revenue), 2) as revenue from mart.fact_sales inner join mart.dim_product using (product_id)
        group by product_id, product_name order by sum(revenue) desc limit 10";
    assert_eq!(column(&browser, "products-table", "Revenue"), pushed(&project, sql));

    browser.goto(&dashboard.url("/regions?dates=all"));
    let sql = "select region, round(100 * sum(revenue) / sum(sum(revenue)) over (), 1) as share
        from mart.fact_sales inner join mart.dim_region using (region_id) group by region order by sum(revenue) desc";
    assert_eq!(column(&browser, "penetration-table", "Share of revenue"), pushed(&project, sql));

    browser.goto(&dashboard.url("/customers?dates=all"));
    let segments = column(&browser, "segments-table", "Customers");
    let sql = "select segment, count(*) as customers from mart.dim_customer where customer_id <> 0 group by segment order by 1";
    let mut sorted = segments.clone();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(sorted, pushed(&project, sql));
    let cohorts = column(&browser, "retention-table", "Customers");
    let sql = "select to_char(to_date(cohort_month_id::text, 'YYYYMM'), 'Mon YYYY') as cohort, cohort_size
        from mart.agg_customer_cohort where months_since = 0 order by cohort_month_id";
    assert_eq!(cohorts, pushed(&project, sql));

    browser.goto(&dashboard.url("/quality"));
    assert_eq!(
        tile(&browser, "Sale lines"),
        project.pushed("select count(*) as n from mart.fact_sales")[0].parse::<f64>().unwrap()
    );
    assert!(browser.text("#runs-table").contains("succeeded"));
    let tables = [
        "agg_customer_cohort",
        "agg_daily_sales",
        "agg_monthly_product",
        "dim_customer",
        "dim_date",
        "dim_product",
        "dim_region",
        "fact_sales",
    ];
    let rows: f64 = tables
        .iter()
        .map(|table| project.pushed(&format!("select count(*) as n from mart.{table}"))[0].parse::<f64>().unwrap())
        .sum();
    assert_eq!(column(&browser, "syncs-table", "Inserted"), [("No. 1".to_owned(), rows)], "what the run pushed");
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
}

#[test]
fn one_filters_drills_goes_back_and_shares() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let browser = Browser::open();
    browser.goto(&dashboard.url("/overview?dates=all"));
    let all = tile(&browser, "Revenue");

    // A click on a mark filters; the rest of the page follows.
    let category =
        browser.script("return document.querySelector('main svg a[href*=\"category=\"]').getAttribute('href')");
    let category = category.as_str().unwrap().to_owned();
    browser.script("document.querySelector('main svg a[href*=\"category=\"]').dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }))");
    browser.until("the category in the address", |browser| browser.url().ends_with(&category));
    let name = url::Url::parse(&browser.url())
        .unwrap()
        .query_pairs()
        .find(|(name, _)| name == "category")
        .unwrap()
        .1
        .into_owned();
    let expected = revenue(&project, &format!("category = '{}'", name.replace('\'', "''")));
    browser.until("the category's revenue", |browser| tile(browser, "Revenue") == expected);
    assert!(browser.text("#chips").contains(&name));

    // The filter goes along to the next page, and down the regions.
    browser.click("#pages a[href^='/regions']");
    browser.until("the page of regions", |browser| browser.text("h1") == "Regions");
    assert!(browser.url().contains("category="));
    let region = column(&browser, "penetration-table", "Share")[0].0.clone();
    let region_url = browser.script(
        "return [...document.querySelectorAll('main svg a')].find(a => (a.getAttribute('href') || '').includes('region=')).getAttribute('href')"
    );
    browser.goto(&dashboard.url(region_url.as_str().unwrap()));
    browser.until("the region's cities", |browser| browser.count("ol.trail li") >= 2);
    let drilled = url::Url::parse(&browser.url()).unwrap();
    assert!(drilled.query_pairs().any(|(name, value)| name == "region" && !value.is_empty()), "{drilled} {region}");

    // Back, twice, and forward by reload: the address is the state.
    browser.back();
    browser
        .until("the regions again", |browser| browser.url().contains("/regions") && !browser.url().contains("region="));
    browser.back();
    browser.until("the overview again", |browser| browser.text("h1") == "Overview");
    browser.until("its revenue", |browser| tile(browser, "Revenue") == expected);
    browser.reload();
    assert_eq!(tile(&browser, "Revenue"), expected);

    // Somebody else opens the link, and takes the filter away.
    let other = Browser::open();
    other.goto(&browser.url());
    assert_eq!(tile(&other, "Revenue"), expected);
    other.click("#chips a[href]:not([href*='category='])");
    other.until("no filter", |other| !other.url().contains("category="));
    other.until("all revenue", |other| tile(other, "Revenue") == all);
    assert!(other.complaints().is_empty(), "{:?}", other.complaints());
}

#[test]
fn slicers_are_searched_and_sent_by_themselves() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let browser = Browser::open();
    browser.goto(&dashboard.url("/overview?dates=all"));
    browser.click("#slice-product summary");
    let product = project.pushed("select product_name || '|' || product_code as p from mart.dim_product where product_id <> 0 order by 1 limit 1");
    let (name, code) = product[0].split_once('|').unwrap();
    browser.type_into("#search-product", name);
    browser.until("only what was searched for", |browser| {
        browser.texts("#slice-product li:not([hidden]) span").iter().all(|text| text.contains(name))
    });
    browser.click("#slice-product li:not([hidden]) label");
    browser.until("the product in the address", |browser| browser.url().contains("product="));
    let expected = revenue(&project, &format!("product_code = '{code}'"));
    browser.until("the product's revenue", |browser| tile(browser, "Revenue") == expected);
    browser.until("the list stays open", |browser| browser.attribute("#slice-product", "open").is_some());
}

#[test]
fn open_pages_follow_a_sync_without_losing_their_place() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let browser = Browser::open();
    browser.goto(&dashboard.url("/overview?from=2023-01-01&to=2026-12-31&region=South"));
    let before = tile(&browser, "Revenue");
    browser.script("document.querySelector('#trend-data').open = true; scrollTo(0, 400); window.same = true");
    project.sales("sales_new.csv", &[sale("N1", "N1", "2025-01-01 10:00:00", "C1", "P1", "99.50")]);
    project.ok(&["run"]);
    browser.until("the new sale", |browser| (tile(browser, "Revenue") - before - 99.5).abs() < 0.001);
    assert_eq!(
        browser.script("return [window.same, scrollY, document.querySelector('#trend-data').open]"),
        serde_json::json!([true, 400, true])
    );
    assert!(browser.url().contains("region=South"));
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
}

#[test]
fn everything_works_without_scripts() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let browser = Browser::with(Scripts::Off);
    browser.goto(&dashboard.url("/overview?dates=all"));
    let value = browser.attribute(".tile dd.value", "title").unwrap();
    assert_eq!(number(&value), revenue(&project, "true"));
    browser.click("#slice-region summary");
    browser.click("#slice-region li label");
    browser.click("#filter button.apply");
    browser.until("a region in the address", |browser| browser.url().contains("region="));
    let region = url::Url::parse(&browser.url())
        .unwrap()
        .query_pairs()
        .find(|(name, _)| name == "region")
        .unwrap()
        .1
        .into_owned();
    assert!(browser.url().contains("dates=all"), "{}", browser.url());
    let value = browser.attribute(".tile dd.value", "title").unwrap();
    assert_eq!(number(&value), revenue(&project, &format!("region = '{region}'")));
    for page in PAGES {
        browser.click(&format!("#pages a[href^='/{page}']"));
        browser.until(page, |browser| browser.url().contains(&format!("/{page}")));
        assert!(page == "quality" || browser.url().contains("region="));
        assert!(browser.count("main svg") > 0 || page == "quality");
    }
}

#[test]
fn what_is_downloaded_is_what_is_on_the_page() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let browser = Browser::open();
    browser.goto(&dashboard.url("/products?dates=all&region=South"));
    let shown = column(&browser, "products-table", "Revenue");
    browser.script("document.querySelectorAll('details').forEach(details => details.open = true)");
    for kind in ["xlsx", "pdf", "csv"] {
        browser.script(&format!("document.querySelector('a[href^=\"/export/products.{kind}\"]').click()"));
    }
    let workbook = browser.downloaded(".xlsx");
    let mut workbook: calamine::Xlsx<_> = calamine::open_workbook(&workbook).unwrap();
    let sheets = calamine::Reader::worksheets(&mut workbook);
    let found = sheets.iter().any(|(_, range)| {
        shown.iter().all(|(name, revenue)| {
            range.rows().any(|row| {
                row.iter().any(|cell| cell == name.as_str())
                    && row.iter().any(|cell| matches!(cell, calamine::Data::Float(value) if (value * 100.0).round() == (revenue * 100.0).round()))
            })
        })
    });
    assert!(found, "{shown:?}");
    let filters = format!("{sheets:?}");
    assert!(filters.contains("South"), "the filter is said");

    let csv = std::fs::read_to_string(browser.downloaded(".csv")).unwrap();
    let mut reader = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
    let heads = reader.headers().unwrap().clone();
    let at = heads.iter().position(|head| head.starts_with("Revenue")).unwrap();
    let name = heads.iter().position(|head| head.starts_with("Product")).unwrap();
    let rows: Vec<(String, f64)> = reader
        .records()
        .map(|record| record.unwrap())
        .map(|record| (record[name].to_owned(), (record[at].parse::<f64>().unwrap() * 100.0).round() / 100.0))
        .collect();
    assert_eq!(rows, shown);

    let pdf = std::fs::read(browser.downloaded(".pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF-"));
    let text = pdf_extract::extract_text_from_mem(&pdf).unwrap();
    for (name, _) in &shown {
        let word = name.split_whitespace().next().unwrap();
        assert!(text.contains(word), "{word} is not in the report");
    }
    assert!(text.contains("South") && text.contains("1 / "), "{text}");
}

#[test]
fn a_report_is_what_the_page_exports() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    for page in PAGES {
        project.ok(&[
            "report",
            "--page",
            page,
            "--filter",
            "?region=South&dates=last_month",
            "--csv",
            "out.csv",
            "--xlsx",
            "out.xlsx",
            "--pdf",
            "out.pdf",
        ]);
        for kind in ["csv", "xlsx", "pdf"] {
            let served = dashboard.get(&format!("/export/{page}.{kind}?region=South&dates=last_month"));
            assert_eq!(served.status, 200);
            let written = std::fs::read(project.path(&format!("out.{kind}"))).unwrap();
            assert!(served.body == written, "{page}.{kind} differs");
        }
    }
    assert!(project.fails(&["report"]).contains("say what to write"));
    assert!(project.fails(&["report", "--page", "nothing", "--pdf", "x.pdf"]).contains("known are overview, products"));
    assert!(
        project
            .fails(&["report", "--filter", "regoin=North", "--pdf", "x.pdf"])
            .contains("--filter: regoin: there is no such parameter")
    );
    let error = project.fails(&["report", "--filter", "region=Suoth", "--pdf", "x.pdf"]);
    assert!(error.contains("there is no region \"Suoth\"; did you mean South?"), "{error}");
    let error = project.fails(&["report", "--pdf", "no/such/folder/x.pdf"]);
    assert!(error.contains("cannot write no/such/folder/x.pdf") && !error.contains("tmp"), "{error}");
    assert!(!project.path("x.pdf").exists());
}

/// A browser has six connections to a server at most, and a page that listens takes one.
#[test]
fn pages_that_were_left_listen_no_more() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let browser = Browser::open();
    let streams = || {
        let metrics = dashboard.get("/metrics").text();
        let line = metrics.lines().find_map(|line| line.strip_prefix("salesmart_event_streams ")).unwrap().to_owned();
        line.parse::<u32>().unwrap()
    };
    for path in ["/overview", "/products", "/regions", "/customers", "/quality", "/overview?dates=all"] {
        browser.goto(&dashboard.url(path));
        // The one before may be about to end.
        assert!(streams() <= 2, "{} streams on {path}", streams());
    }
    until("one page that listens", || streams() == 1);
    // A page that one comes back to listens again.
    browser.goto(&dashboard.url("/products"));
    browser.back();
    browser.until("the page before", |browser| browser.url().ends_with("/overview?dates=all"));
    until("one page that listens", || streams() == 1);
    let load = browser.attribute("main", "data-load");
    project.sales("sales_a.csv", &[sale("T1", "O1", "2026-01-02 10:00:00", "C1", "P1", "5")]);
    project.ok(&["run"]);
    browser.until("the new figures", |browser| browser.attribute("main", "data-load") != load);
}

#[test]
fn nobody_stumbles() {
    let Some(axe) = std::env::var_os("SALESMART_AXE").map(PathBuf::from).filter(|axe| axe.exists()) else {
        panic!(
            "axe-core is needed: `make test` fetches it, or scripts/browser.sh FOLDER; its file is named by SALESMART_AXE"
        );
    };
    let axe = std::fs::read_to_string(axe).unwrap();
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let browser = Browser::open();
    let mut found = Vec::new();
    for scheme in ["light", "dark"] {
        browser.prefers(scheme);
        for phone in [false, true] {
            if phone {
                browser.as_phone()
            } else {
                browser.as_desktop()
            };
            for path in [
                "/overview",
                "/products?dates=all",
                "/regions?region=South",
                "/customers?dates=all",
                "/quality",
                "/overview?colour=red",
                "/nothing",
                "/api/v1/docs",
            ] {
                browser.goto(&dashboard.url(path));
                browser.script("document.querySelectorAll('details.data').forEach(details => details.open = true)");
                found
                    .extend(browser.violations(&axe).into_iter().map(|line| format!("{scheme} {phone} {path} {line}")));
                let overflow = browser
                    .script("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
                if overflow.as_i64().unwrap() > 0 {
                    found.push(format!("{scheme} {phone} {path} is {overflow} wider than the screen"));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn pages_are_light() {
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let gzip = [("accept-encoding", "gzip")];
    let page = dashboard.ask("/overview", &gzip);
    assert_eq!(page.header("content-encoding"), "gzip");
    let html = dashboard.get("/overview").text();
    let assets = html.split("/assets/").skip(1).map(|rest| format!("/assets/{}", rest.split('"').next().unwrap()));
    let all: usize = assets.map(|asset| dashboard.ask(&asset, &gzip).body.len()).sum::<usize>() + page.body.len();
    assert!(all < 200_000, "{all} bytes");
    let tag = page.header("etag").to_owned();
    assert_eq!(dashboard.ask("/overview", &[("if-none-match", &tag)]).status, 304);
}

/// Writes what the README shows, when it is asked to: `make screenshots`.
#[test]
fn pictures_of_the_pages() {
    let Some(folder) = std::env::var_os("SALESMART_SCREENSHOTS") else {
        eprintln!("SKIPPED: SALESMART_SCREENSHOTS names no folder to write to");
        return;
    };
    let folder = Path::new(&folder);
    let project = sample();
    let dashboard = Dashboard::of(&project);
    let browser = Browser::open();
    for page in PAGES {
        browser.goto(&dashboard.url(&format!("/{page}")));
        browser.picture(&folder.join(format!("{page}.png")));
    }
    browser.prefers("dark").goto(&dashboard.url("/overview"));
    browser.picture(&folder.join("overview-dark.png"));
    browser.prefers("light").as_phone().goto(&dashboard.url("/overview"));
    browser.picture(&folder.join("overview-phone.png"));
}
